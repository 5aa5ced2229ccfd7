use std::collections::{BTreeSet, HashMap};

use super::*;

fn key(closed: bool, value_len: usize) -> KeyFacts {
    KeyFacts {
        secret: true,
        sensitive: closed,
        extractable: true,
        value_len,
        ..KeyFacts::default()
    }
}

fn with_pieces(pieces: Pieces) -> KeyFacts {
    KeyFacts {
        pieces: pieces.stored().map(|numbers| Pieces::from_stored(&numbers)),
        ..key(true, pieces.len())
    }
}

fn joined(parts: &[Part], operands: &[&KeyFacts], len: usize) -> Option<Pieces> {
    derive(&Derivation::Join(parts.to_vec()), operands, len, true).ok()
}

fn extracted(of: &KeyFacts, bit: usize, len: usize) -> Option<Pieces> {
    derive(&Derivation::Extract(bit), &[of], len, true).ok()
}

fn mixed(of: &KeyFacts, len: usize, whole: bool, closed: bool) -> Option<Pieces> {
    derive(&Derivation::Mix { whole }, &[of], len, closed).ok()
}

const BASE: Part = Part::Operand(0);

#[test]
fn whole_pieces_are_taken_of_a_closed_key() {
    let key = key(true, 32);
    for (bit, len, taken) in [
        (0, 16, true),
        (128, 16, true),
        (0, 32, true),
        (128, 32, true),
        (0, 15, false),
        (0, 17, false),
        (0, 31, false),
        (8, 16, false),
        (8, 32, false),
        (3, 16, false),
        (248, 16, false),
    ] {
        assert_eq!(extracted(&key, bit, len).is_some(), taken, "{bit} {len}");
    }
    for len in 1..=32 {
        let taken = joined(&[BASE], &[&key], len).is_some();
        assert_eq!(taken, len.is_multiple_of(16), "{len}");
    }
}

#[test]
fn a_closed_key_of_another_length_is_taken_whole() {
    for len in [1, 8, 15, 20, 24, 40] {
        let key = key(true, len);
        for taken in 1..=len {
            let cut = joined(&[BASE], &[&key], taken);
            assert_eq!(cut.is_some(), taken == len, "{taken} of {len}");
        }
    }
}

#[test]
fn open_keys_are_cut_anywhere() {
    let key = key(false, 32);
    for (bit, len) in [(0, 1), (3, 16), (248, 2), (9, 32)] {
        assert_eq!(extracted(&key, bit, len), Some(Pieces::of(len)));
    }
    assert_eq!(mixed(&key, 1, false, true), Some(Pieces::of(1)));
}

/// The attack that the rule is for: a byte of the caller's own in the place of one of the key's.
#[test]
fn known_data_takes_no_place_of_a_closed_key() {
    let whole = key(true, 32);
    let before = [Part::Data(15), BASE];
    let behind = [BASE, Part::Data(15)];
    for parts in [before, behind] {
        let long = joined(&parts, &[&whole], 47).unwrap();
        let long = with_pieces(long);
        for bit in 0..47 * 8 {
            let known = bit % 8 == 0
                && match parts == before {
                    true => bit / 8 == 15 || bit / 8 == 31,
                    false => bit / 8 == 0 || bit / 8 == 16,
                };
            assert_eq!(extracted(&long, bit, 16).is_some(), known, "bit {bit}");
        }
    }
    for len in 17..=47 {
        // Whole pieces, and as much of the data as is wanted.
        let cut = joined(&before, &[&whole], len).is_some();
        assert_eq!(cut, [31, 47].contains(&len), "{len}");
        let cut = joined(&behind, &[&whole], len).is_some();
        assert_eq!(cut, len >= 32, "{len}");
    }
}

#[test]
fn one_way_functions_give_no_guessable_key() {
    let long = key(true, 32);
    for (len, whole, given) in [
        (1, false, false),
        (15, false, false),
        (15, true, false),
        (16, false, true),
        (17, false, false),
        (20, false, false),
        (20, true, true),
        (24, false, true),
        (64, false, true),
    ] {
        let made = mixed(&long, len, whole, true);
        assert_eq!(made.is_some(), given, "{len}");
        assert!(
            mixed(&long, len, whole, false).is_some(),
            "read, not guessed"
        );
    }
    let short = key(true, 8);
    assert!(mixed(&short, 7, false, true).is_none());
    assert!(mixed(&short, 9, false, true).is_some());
    let private = key(true, 0);
    assert!(mixed(&private, 15, false, true).is_none());
    assert!(mixed(&private, 16, false, true).is_some());
}

#[test]
fn pieces_are_stored_where_the_length_does_not_tell() {
    for len in [0, 1, 16, 20, 32, 65_536] {
        assert_eq!(Pieces::of(len).stored(), None);
        assert_eq!(Pieces::of(len).len(), len);
    }
    let unwrapped = Pieces::of_unwrap(32);
    let mixed = Pieces::joined(&[
        Pieces::default().and(3, true),
        Pieces::default().and(4, true),
        Pieces::of(32),
        Pieces::undivided(5),
    ]);
    assert_eq!(mixed.stored(), Some(vec![15, 32, 32, 10]));
    let altered = Pieces::of(32).altered();
    assert_eq!(altered.stored(), Some(vec![32, 32, 1]));
    for pieces in [unwrapped, mixed, altered] {
        let stored = pieces.stored().unwrap();
        assert_eq!(Pieces::from_stored(&stored), pieces);
    }
    let many = Pieces::joined(&vec![Pieces::undivided(1); 304]);
    assert_eq!(many.stored(), Some(vec![608]));
}

/// A byte of a value, as who knows every step sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Byte {
    Known(u8),
    /// Byte `place` of root `root`, XORed with something known.
    Of {
        root: usize,
        place: usize,
        xor: u8,
    },
}

struct Made {
    bytes: Vec<Byte>,
    facts: KeyFacts,
}

/// Made-up chains of steps, the same in each run.
struct Chains {
    state: u64,
    keys: Vec<Made>,
    /// Length of each root.
    roots: Vec<usize>,
    /// The root that a one-way function of a key gives whose output has so many bytes at most.
    outputs: HashMap<(usize, usize), usize>,
}

/// Greatest outputs of one-way functions: HKDF (no limit is met here), SHA-1, SHA-224, and ECDH on
/// P-521. Of the last three no other length is a multiple of `GRAIN` than those that are cut.
const OUTPUTS: [usize; 4] = [96, 20, 28, 66];

impl Chains {
    fn new(seed: u64) -> Self {
        let mut chains = Self {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            keys: Vec::new(),
            roots: Vec::new(),
            outputs: HashMap::new(),
        };
        for len in [32, 32, 16, 24, 48] {
            let bytes = chains.root(len, len);
            let facts = key(true, len);
            chains.keys.push(Made { bytes, facts });
        }
        // A closed key whose value the caller has chosen.
        for len in [1, 15, 16] {
            let bytes = (0..len).map(|_| Byte::Known(0)).collect();
            let facts = key(true, len);
            chains.keys.push(Made { bytes, facts });
        }
        chains
    }

    fn root(&mut self, len: usize, taken: usize) -> Vec<Byte> {
        self.roots.push(len);
        let root = self.roots.len() - 1;
        Self::of_root(root, taken)
    }

    fn of_root(root: usize, len: usize) -> Vec<Byte> {
        let byte = |place| Byte::Of {
            root,
            place,
            xor: 0,
        };
        (0..len).map(byte).collect()
    }

    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 33).unwrap() % limit
    }

    fn length(&mut self) -> usize {
        match self.below(3) {
            0 => 16 * (1 + self.below(4)),
            1 => 14 + self.below(5),
            _ => 1 + self.below(64),
        }
    }

    fn data(&mut self) -> Vec<Byte> {
        let len = self.length();
        let bit = self.below(4);
        (0..len).map(|_| Byte::Known(u8::from(bit == 0))).collect()
    }

    /// One step; true where it was allowed.
    fn step(&mut self) -> bool {
        let base = self.below(self.keys.len());
        let other = self.below(self.keys.len());
        let (len, data) = (self.length(), self.data());
        let kind = self.below(8);
        let of = |number: usize| self.keys[number].bytes.clone();
        let (step, bytes) = match kind {
            0 => (vec![BASE, Part::Operand(1)], [of(base), of(other)].concat()),
            1 => (
                vec![BASE, Part::Data(data.len())],
                [of(base), data].concat(),
            ),
            2 => (
                vec![Part::Data(data.len()), BASE],
                [data, of(base)].concat(),
            ),
            3 => (vec![Part::Altered(0)], xored(&of(base), &data)),
            4 => return self.extract(base, len),
            5 => return self.unwrap(base),
            _ => return self.mix(base, len),
        };
        let len = len.min(bytes.len());
        let operands = [&self.keys[base].facts, &self.keys[other].facts];
        let Ok(pieces) = derive(&Derivation::Join(step), &operands, len, true) else {
            return false;
        };
        self.add(bytes[..len].to_vec(), pieces)
    }

    fn extract(&mut self, base: usize, len: usize) -> bool {
        let bytes = self.keys[base].bytes.clone();
        let len = len.min(bytes.len());
        let place = self.below(bytes.len());
        // Shifted by a bit, a byte would be of two; one that is allowed is known.
        let shift = usize::from(self.below(8) == 0);
        let step = Derivation::Extract(8 * place + shift);
        let Ok(pieces) = derive(&step, &[&self.keys[base].facts], len, true) else {
            return false;
        };
        let from = bytes.iter().cycle().skip(place);
        let window: Vec<_> = from.copied().take(len).collect();
        if shift == 1 {
            assert!(window.iter().all(|byte| matches!(byte, Byte::Known(_))));
        }
        self.add(window, pieces)
    }

    /// The key leaves under a trusted key and comes back, by wraps of which one pads: then the key brings the
    /// padding along, or lost what looks like one.
    fn unwrap(&mut self, base: usize) -> bool {
        let made = &self.keys[base];
        if !made.facts.pieces.as_ref().is_none_or(Pieces::is_unwrapped) {
            return false;
        }
        let mut bytes = made.bytes.clone();
        let padding = |len: usize| vec![Byte::Known(u8::try_from(len).unwrap()); len];
        match self.below(3) {
            0 => {}
            1 => bytes.extend(padding(8 - bytes.len() % 8)),
            _ => {
                let whole = bytes.len().is_multiple_of(8) && bytes.ends_with(&padding(8));
                bytes.truncate(bytes.len() - if whole { 8 } else { 0 });
            }
        }
        let pieces = Pieces::of_unwrap(bytes.len());
        !bytes.is_empty() && self.add(bytes, pieces)
    }

    fn mix(&mut self, base: usize, len: usize) -> bool {
        let all = OUTPUTS[self.below(OUTPUTS.len())];
        let len = if self.below(3) == 0 {
            all
        } else {
            len.min(all)
        };
        let step = Derivation::Mix { whole: len == all };
        let Ok(pieces) = derive(&step, &[&self.keys[base].facts], len, true) else {
            return false;
        };
        let known = |byte: &Byte| matches!(byte, Byte::Known(_));
        if self.keys[base].bytes.iter().all(known) {
            return self.add(vec![Byte::Known(1); len], pieces);
        }
        if !self.outputs.contains_key(&(base, all)) {
            let _ = self.root(all, all);
            self.outputs.insert((base, all), self.roots.len() - 1);
        }
        self.add(Self::of_root(self.outputs[&(base, all)], len), pieces)
    }

    fn add(&mut self, bytes: Vec<Byte>, pieces: Pieces) -> bool {
        assert_eq!(bytes.len(), pieces.len());
        let facts = with_pieces(pieces);
        self.keys.push(Made { bytes, facts });
        true
    }

    /// Each key depends on no byte of a root, or on so many that nobody guesses them, those that are
    /// `told` left out.
    fn hold_unguessable(&self, told: &BTreeSet<(usize, usize)>) {
        for made in &self.keys {
            let mut places = HashMap::<usize, BTreeSet<usize>>::new();
            for byte in &made.bytes {
                if let Byte::Of { root, place, .. } = byte
                    && !told.contains(&(*root, *place))
                {
                    places.entry(*root).or_default().insert(*place);
                }
            }
            for (root, places) in places {
                let least = self.roots[root].min(UNGUESSABLE);
                assert!(places.len() >= least, "{:?}", made.bytes);
            }
        }
    }

    /// Whether two keys are equal tells so many bytes at once that nobody guesses them. The end of an
    /// output that has an odd length may be fewer; those bytes are returned.
    fn hold_incomparable(&self) -> BTreeSet<(usize, usize)> {
        let mut ends = BTreeSet::new();
        for (number, one) in self.keys.iter().enumerate() {
            for other in &self.keys[..number] {
                let told = told_by_equality(&one.bytes, &other.bytes);
                // Of two lengths of one output, the difference is told.
                let output = |(root, _): &(usize, usize)| OUTPUTS.contains(&self.roots[*root]);
                let cut = told.iter().all(output);
                assert!(
                    told.len() >= UNGUESSABLE || cut,
                    "{told:?}: {:?} and {:?}",
                    one.bytes,
                    other.bytes
                );
                if told.len() < GRAIN {
                    let odd =
                        |(root, place): &(usize, usize)| place / GRAIN == self.roots[*root] / GRAIN;
                    assert!(told.iter().all(odd), "{told:?}");
                    ends.extend(told);
                }
            }
        }
        ends
    }
}

fn xored(bytes: &[Byte], data: &[Byte]) -> Vec<Byte> {
    let pairs = bytes.iter().zip(data);
    pairs
        .map(|(byte, data)| match (*byte, *data) {
            (Byte::Of { root, place, xor }, Byte::Known(with)) => Byte::Of {
                root,
                place,
                xor: xor ^ with,
            },
            (Byte::Known(byte), Byte::Known(with)) => Byte::Known(byte ^ with),
            (_, Byte::Of { .. }) => unreachable!("data is known"),
        })
        .collect()
}

/// The unknown bytes that the equality of two values determines, each filled up with zeros as HMAC
/// does; none where it is certain or impossible, whatever the known bytes between.
fn told_by_equality(one: &[Byte], other: &[Byte]) -> BTreeSet<(usize, usize)> {
    let len = one.len().max(other.len());
    let at = |bytes: &[Byte], place| bytes.get(place).copied().unwrap_or(Byte::Known(0));
    let mut leaders = HashMap::new();
    for place in 0..len {
        let name = |byte| match byte {
            // The caller may choose each known byte anew.
            Byte::Known(_) => None,
            Byte::Of { root, place, .. } => Some((root, place)),
        };
        let (a, b) = (at(one, place), at(other, place));
        if let (Byte::Of { xor: x, .. }, Byte::Of { xor: y, .. }) = (a, b)
            && name(a) == name(b)
            && x != y
        {
            return BTreeSet::new();
        }
        let (a, b) = (leader(&leaders, name(a)), leader(&leaders, name(b)));
        if a != b {
            match a {
                Some(byte) => leaders.insert(byte, b),
                None => leaders.insert(b.unwrap(), a),
            };
        }
    }
    leaders.into_keys().collect()
}

type Name = Option<(usize, usize)>;

fn leader(leaders: &HashMap<(usize, usize), Name>, mut name: Name) -> Name {
    while let Some(next) = name.and_then(|byte| leaders.get(&byte)) {
        name = *next;
    }
    name
}

#[test]
fn no_chain_of_steps_makes_a_key_that_can_be_guessed() {
    let mut allowed = 0;
    for seed in 1..=100 {
        let mut chains = Chains::new(seed);
        let steps = (0..200).filter(|_| chains.keys.len() < 40 && chains.step());
        allowed += steps.count();
        let ends = chains.hold_incomparable();
        chains.hold_unguessable(&ends);
    }
    assert!(allowed > 2_500, "{allowed} steps were allowed");
}
