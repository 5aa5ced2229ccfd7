//! Every call that a client can make in a state, and what it leads to.

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::model::{self, Caller, Key, Piece, Step, Use, Who, Wrapping};

use crate::scenarios::Scenario;
use crate::values::{Byte, UNGUESSABLE, altered, of_root, places};
use crate::world::{Attack, Bank, ExternalKey, FIRST_MADE, Id, State, TIMES};

/// A call, as it is printed. Keys are numbered in the order of the state before it, templates in that of the scenario.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "printed")]
pub(crate) enum Call {
    Login(Who),
    Logout,
    OpenReadOnlySession,
    Pass,
    Create(&'static str),
    Generate(&'static str),
    Unwrap {
        key: usize,
        by: Wrapping,
        template: &'static str,
    },
    Wrap {
        key: usize,
        by: Wrapping,
        object: usize,
    },
    Decrypt {
        key: usize,
    },
    DecryptInit {
        key: usize,
    },
    DecryptLater,
    Encrypt {
        key: usize,
    },
    SignRaw {
        key: usize,
    },
    OwnerWraps {
        key: usize,
        by: Wrapping,
    },
    Copy {
        key: usize,
        template: &'static str,
    },
    Set {
        by: Who,
        key: usize,
        template: &'static str,
    },
    Get {
        key: usize,
    },
    Derive {
        base: usize,
        other: usize,
        step: Step,
        len: usize,
        template: &'static str,
    },
    Destroy {
        key: usize,
    },
    Import {
        material: u8,
        genuine: bool,
        new: bool,
        expires: bool,
    },
    ImportedKey(&'static str),
}

/// Takes what a call leads to: the call, the state after it, and an attack that the call itself is.
pub(crate) type Take<'a> = dyn FnMut(&mut Bank, Call, State, Option<Attack>) + 'a;

struct At<'a> {
    scenario: &'a Scenario,
    bank: &'a mut Bank,
    state: &'a State,
    take: &'a mut Take<'a>,
}

/// Makes every call in `state`, from each open session.
pub(crate) fn calls(scenario: &Scenario, bank: &mut Bank, state: &State, take: &mut Take<'_>) {
    let mut at = At {
        scenario,
        bank,
        state,
        take,
    };
    at.logins();
    let sessions: &[bool] = if state.read_only {
        &[true, false]
    } else {
        &[true]
    };
    for read_write in sessions {
        let caller = state.caller(*read_write);
        at.makes(&caller);
        for number in 0..state.objects.len() {
            at.changes(&caller, number);
            at.moves(&caller, number);
            at.derives(&caller, number);
        }
        at.external(&caller);
    }
}

impl At<'_> {
    fn to(&mut self, call: Call, change: impl FnOnce(&mut Bank, &mut State)) {
        let mut after = self.state.clone();
        change(self.bank, &mut after);
        self.bank.close(&mut after);
        (self.take)(self.bank, call, after, None);
    }

    fn wrong(&mut self, call: Call, attack: Attack) {
        (self.take)(self.bank, call, self.state.clone(), Some(attack));
    }

    fn key(&self, number: usize) -> (Key, Id) {
        let (key, value) = self.state.objects[number];
        (self.bank.key_of(key).clone(), value)
    }

    fn room(&self) -> bool {
        self.state.objects.len() < self.scenario.most_keys
    }

    fn logins(&mut self) {
        let state = self.state;
        for wanted in self.scenario.logins.iter().copied() {
            if model::log_in(state.who, wanted, state.read_only).is_ok() {
                if state.who != Who::Public || wanted == Who::So && state.read_only {
                    self.wrong(Call::Login(wanted), Attack::Login);
                }
                self.to(Call::Login(wanted), |_, after| after.who = wanted);
            }
        }
        if self.scenario.logins.len() > 1 && model::log_out(state.who).is_ok() {
            // C_Logout ends what was begun.
            self.to(Call::Logout, |_, after| {
                after.who = Who::Public;
                after.running = None;
                if let Some(external) = &mut after.external {
                    external.running = false;
                }
            });
        }
        if self.scenario.sessions && !state.read_only && model::open_read_only(state.who).is_ok() {
            if state.who == Who::So {
                self.wrong(Call::OpenReadOnlySession, Attack::Login);
            }
            self.to(Call::OpenReadOnlySession, |_, after| after.read_only = true);
        }
        if self.scenario.time && usize::from(state.time) + 1 < TIMES.len() {
            self.to(Call::Pass, |_, after| after.time += 1);
        }
    }

    fn makes(&mut self, caller: &Caller) {
        if !self.room() {
            return;
        }
        let len = self.scenario.len;
        for (name, template) in &self.scenario.create {
            if let Ok(key) = model::create(caller, template, len) {
                self.made(caller, Call::Create(name), key, |_, _| {
                    vec![Byte::Known; len]
                });
            }
        }
        if self.state.roots == self.scenario.most_roots {
            return;
        }
        for (name, template) in &self.scenario.generate {
            let private = name.starts_with("RSA");
            let made = match private {
                true => model::generate_private(caller, template),
                false => model::generate(caller, template, len),
            };
            if let Ok(key) = made {
                let inside = key.stays_inside();
                self.made(caller, Call::Generate(name), key, |_, after| {
                    of_root(after.add_root(inside), len)
                });
            }
        }
    }

    /// Adds a key; a token key of somebody who may not make one is an attack.
    fn made(
        &mut self,
        caller: &Caller,
        call: Call,
        key: Key,
        value: impl FnOnce(&mut Bank, &mut State) -> Vec<Byte>,
    ) {
        let user = caller.who == Who::User;
        let token = key.has(ck::CKA_TOKEN);
        if key.has(ck::CKA_PRIVATE) && !user || token && !(user && caller.read_write) {
            return self.wrong(call, Attack::Login);
        }
        self.to(call, |bank, after| {
            let bytes = value(bank, after);
            let (key, value) = (bank.key(key), bank.value(bytes));
            after.add(key, value);
        });
    }

    fn changes(&mut self, caller: &Caller, number: usize) {
        let (key, value) = self.key(number);
        self.sets(caller, number);
        if self.scenario.officer {
            let officer = Caller {
                who: Who::So,
                ..*caller
            };
            self.sets(&officer, number);
        }
        for (name, template) in &self.scenario.change {
            if self.room()
                && let Ok(copy) = key.copy(caller, template)
            {
                let call = Call::Copy {
                    key: number,
                    template: name,
                };
                if !key.has(ck::CKA_COPYABLE) {
                    self.wrong(call.clone(), Attack::Login);
                }
                self.made(caller, call, copy, |bank, _| bank.bytes(value).to_vec());
            }
        }
        if self.scenario.destroy && key.destroy(caller).is_ok() {
            let call = Call::Destroy { key: number };
            if !key.has(ck::CKA_DESTROYABLE) || caller.who != Who::User && needs_login(&key) {
                self.wrong(call.clone(), Attack::Login);
            }
            self.to(call, |_, after| {
                after.objects.remove(number);
            });
        }
        if key.reads(caller) {
            let call = Call::Get { key: number };
            if caller.who != Who::User && needs_login(&key) {
                self.wrong(call.clone(), Attack::Login);
            }
            self.to(call, |_, after| {
                after.known.insert(value);
            });
        }
        if key.digest(caller).is_ok() && key.is_closed() {
            self.wrong(Call::Get { key: number }, Attack::Guess);
        }
    }

    fn sets(&mut self, caller: &Caller, number: usize) {
        let (key, value) = self.key(number);
        for (name, template) in &self.scenario.change {
            if let Ok(changed) = key.set(caller, template) {
                let call = Call::Set {
                    by: caller.who,
                    key: number,
                    template: name,
                };
                let trusts = changed.has(ck::CKA_TRUSTED) != key.has(ck::CKA_TRUSTED);
                if trusts && caller.who != Who::So
                    || caller.who == Who::Public && needs_login(&key)
                    || !caller.read_write && key.has(ck::CKA_TOKEN)
                    || !key.has(ck::CKA_MODIFIABLE)
                {
                    self.wrong(call.clone(), Attack::Login);
                }
                self.to(call, |bank, after| {
                    after.objects.remove(number);
                    let inside = changed.stays_inside();
                    let changed = bank.key(changed);
                    after.add(changed, value);
                    if inside {
                        guard(bank, after, value);
                    }
                });
            }
        }
    }

    fn moves(&mut self, caller: &Caller, number: usize) {
        let (key, value) = self.key(number);
        for by in self.scenario.wrappings.iter().copied() {
            for object in 0..self.state.objects.len() {
                let (other, wrapped) = self.key(object);
                if key.wrap(caller, by, &other).is_ok() {
                    let call = Call::Wrap {
                        key: number,
                        by,
                        object,
                    };
                    self.to(call, |_, after| {
                        after.blobs.insert((value, wrapped, by));
                    });
                }
            }
            self.unwraps(caller, number, by);
            if self.scenario.owner
                && guards_what_it_unwraps(&key)
                && self.state.roots < self.scenario.most_roots
            {
                let len = self.scenario.len;
                self.to(Call::OwnerWraps { key: number, by }, |bank, after| {
                    let owned = bank.value(of_root(after.add_root(true), len));
                    after.blobs.insert((value, owned, by));
                });
            }
        }
        let blobs = || self.state.blobs.iter().filter(move |blob| blob.0 == value);
        let told: Vec<Id> = blobs().map(|blob| blob.1).collect();
        if key.begin(caller, Use::Decrypt, ck::CKM_AES_CBC).is_ok() {
            let call = Call::Decrypt { key: number };
            if caller.who != Who::User && needs_login(&key) || !key.has(ck::CKA_DECRYPT) {
                self.wrong(call.clone(), Attack::Login);
            }
            self.to(call, |_, after| after.known.extend(&told));
            self.to(Call::DecryptInit { key: number }, |_, after| {
                after.running = Some(value)
            });
        }
        if key.is_private_key() && key.begin(caller, Use::Sign, ck::CKM_RSA_X_509).is_ok() {
            self.to(Call::SignRaw { key: number }, |_, after| {
                after.known.extend(&told)
            });
        }
        if self.state.running == Some(value) {
            self.to(Call::DecryptLater, |_, after| after.known.extend(&told));
        }
        if key.begin(caller, Use::Encrypt, ck::CKM_AES_CBC).is_ok() {
            let known = self.state.known.clone();
            let by = self.scenario.wrappings.to_vec();
            self.to(Call::Encrypt { key: number }, |_, after| {
                let blobs = known
                    .iter()
                    .flat_map(|what| by.iter().map(move |by| (value, *what, *by)));
                after.blobs.extend(blobs);
            });
        }
    }

    /// What an unwrap makes, and what it tells of other blobs under the key.
    fn unwraps(&mut self, caller: &Caller, number: usize, by: Wrapping) {
        let (key, value) = self.key(number);
        let under: Vec<(Id, Id, Wrapping)> = self
            .state
            .blobs
            .iter()
            .filter(|blob| blob.0 == value)
            .copied()
            .collect();
        if under.is_empty() {
            return;
        }
        for (name, template) in &self.scenario.unwrap {
            let Ok((made, whole)) = model::unwrap(caller, &key, by, template, self.scenario.len)
            else {
                continue;
            };
            let call = Call::Unwrap {
                key: number,
                by,
                template: name,
            };
            let other_use = [
                ck::CKA_ENCRYPT,
                ck::CKA_SIGN,
                ck::CKA_WRAP,
                ck::CKA_DERIVE,
                ck::CKA_VERIFY,
            ];
            let streams = other_use.iter().any(|kind| key.has(*kind));
            let tells = |made: Wrapping| match by {
                // Blocks put together from any blob of the key open, and show what they hold.
                Wrapping::Telling => true,
                // Whoever can make the key stream reads what it covers.
                Wrapping::Stream => streams && made == Wrapping::Stream,
                // A key that was wrapped without padding opens where it ends like one.
                Wrapping::Padded => !whole && made == Wrapping::KeyWrap,
                Wrapping::KeyWrap | Wrapping::Proven => false,
            };
            let told: Vec<Id> = under
                .iter()
                .filter(|blob| tells(blob.2))
                .map(|blob| blob.1)
                .collect();
            if !told.is_empty() {
                self.to(call.clone(), |_, after| after.known.extend(told));
            }
            for (_, what, _) in under.iter().filter(|blob| blob.2 == by) {
                if self.room() {
                    self.made(caller, call.clone(), made.clone(), |bank, _| {
                        bank.bytes(*what).to_vec()
                    });
                }
            }
        }
    }

    fn derives(&mut self, caller: &Caller, base: usize) {
        if !self.room() {
            return;
        }
        let (key, value) = self.key(base);
        let scenario = self.scenario;
        for (step, len) in &scenario.derive {
            let two = matches!(step, Step::Join(parts) if parts.contains(&Piece::Other));
            let others = if two {
                0..self.state.objects.len()
            } else {
                base..base + 1
            };
            for other in others {
                let (second, second_value) = self.key(other);
                let operands = if two { vec![&key, &second] } else { vec![&key] };
                // The mechanism refuses a length that it does not give.
                let bytes = value_of(self.bank, step, value, second_value, *len);
                if bytes.len() != *len {
                    continue;
                }
                for (name, template) in &scenario.derived {
                    let Ok(made) = model::derive(caller, step, &operands, template, *len) else {
                        continue;
                    };
                    let call = Call::Derive {
                        base,
                        other,
                        step: step.clone(),
                        len: *len,
                        template: name,
                    };
                    let closed = operands.iter().any(|operand| operand.is_closed());
                    let one_way = matches!(step, Step::OneWay { .. });
                    let few = *len < UNGUESSABLE.min(self.bank.bytes(value).len());
                    if one_way && closed && made.is_closed() && few {
                        self.wrong(call.clone(), Attack::Guess);
                    }
                    if made.has(ck::CKA_ENCRYPT)
                        && !one_way
                        && key.is_closed()
                        && !may_encrypt(&key)
                    {
                        self.wrong(call.clone(), Attack::Login);
                    }
                    self.made(caller, call, made, |_, _| bytes.clone());
                }
            }
        }
    }

    fn external(&mut self, caller: &Caller) {
        let Some(known) = self.state.external.clone() else {
            return;
        };
        let key = self.bank.external_of(known.key).clone();
        let ended =
            known.revoked || known.ends != 0 && caller.now >= known.ends || !key.has_material();
        let use_of = |name| Call::ImportedKey(name);
        for (name, works) in [
            ("use", key.begin(caller).is_ok()),
            ("go on", known.running && key.go_on(caller).is_ok()),
        ] {
            if works && (ended || caller.who != Who::User) {
                self.wrong(use_of(name), Attack::UseAfterRevocation);
            }
            if works && !known.rotated && key.current != known.bound {
                self.wrong(use_of(name), Attack::SecondMaterial);
            }
        }
        if key.begin(caller).is_ok() {
            self.to(use_of("begin"), |_, after| {
                with(after, |of| of.running = true)
            });
        }
        if [true, false]
            .iter()
            .any(|trusted| key.export(caller, *trusted).is_ok())
        {
            self.wrong(use_of("wrap"), Attack::ExternalLeft);
        }
        for (material, genuine, new, expires) in [
            (1, true, false, false),
            (1, true, false, true),
            (2, true, false, false),
            (2, false, false, false),
            (2, true, true, false),
        ] {
            let at = expires.then_some(TIMES[1]);
            if let Ok(after_import) = key.import(caller, material, (genuine, new), at) {
                let call = Call::Import {
                    material,
                    genuine,
                    new,
                    expires,
                };
                let other = known.bound.is_some_and(|bound| bound != material);
                if !genuine || other && !known.rotated && !new {
                    self.wrong(call.clone(), Attack::SecondMaterial);
                }
                let ends = if expires { TIMES[1] } else { 0 };
                let current = after_import.current == Some(material);
                self.to(call, |bank, after| {
                    with(after, |of| {
                        of.bound = of.bound.or(Some(material));
                        if current {
                            of.ends = ends;
                        }
                    });
                    become_key(bank, after, after_import);
                });
            }
        }
        if let Ok(rotated) = key.rotate(caller) {
            self.to(use_of("rotate"), |bank, after| {
                with(after, |of| of.rotated = true);
                become_key(bank, after, rotated);
            });
        }
        if let Ok(erased) = key.delete_material(caller) {
            self.to(use_of("delete the material"), |bank, after| {
                become_key(bank, after, erased)
            });
        }
        if let Ok(Some(erased)) = key.destroy(caller) {
            self.to(use_of("destroy"), |bank, after| {
                become_key(bank, after, erased)
            });
        }
        for off in [true, false] {
            if let Ok(switched) = key.disable(caller, off) {
                self.to(
                    use_of(if off { "disable" } else { "enable" }),
                    |bank, after| {
                        with(after, |of| of.revoked = off);
                        become_key(bank, after, switched);
                    },
                );
            }
        }
        for at in [0, caller.now + 8 * 86_400] {
            if let Ok(scheduled) = key.schedule(caller, at) {
                let off = scheduled.is_disabled();
                self.to(
                    use_of(if at == 0 { "cancel" } else { "schedule" }),
                    |bank, after| {
                        with(after, |of| of.revoked = at != 0 || off);
                        become_key(bank, after, scheduled);
                    },
                );
            }
        }
    }
}

fn with(state: &mut State, change: impl FnOnce(&mut ExternalKey)) {
    if let Some(external) = &mut state.external {
        change(external);
    }
}

fn become_key(bank: &mut Bank, state: &mut State, key: model::External) {
    let id = bank.external(key);
    with(state, |of| of.key = id);
}

/// Nobody touches the key without a login.
fn needs_login(key: &Key) -> bool {
    key.has(ck::CKA_TOKEN) || key.has(ck::CKA_PRIVATE)
}

/// Guards the roots of a value that stays inside from now on, where nothing of it was outside before.
fn guard(bank: &Bank, state: &mut State, value: Id) {
    let roots: Vec<u16> = places(bank.bytes(value))
        .into_iter()
        .map(|place| place.0)
        .collect();
    for root in roots {
        let holds = |id: &Id| places(bank.bytes(*id)).iter().any(|place| place.0 == root);
        let outside = state.known.iter().any(holds)
            || state.blobs.iter().any(|(_, what, _)| holds(what))
            || state
                .objects
                .iter()
                .any(|(key, id)| holds(id) && !bank.key_of(*key).stays_inside());
        if !outside && root < FIRST_MADE {
            state.guarded.insert(root);
        }
    }
}

/// The owner of a key trusts this one with it: whatever it unwraps stays closed, and it never gets another use.
fn guards_what_it_unwraps(key: &Key) -> bool {
    key.has(ck::CKA_UNWRAP)
        && key.unwraps_closed()
        && !key.has(ck::CKA_DECRYPT)
        && !key.has(ck::CKA_MODIFIABLE)
        && !key.has(ck::CKA_COPYABLE)
        && !key.has(ck::CKA_EXTRACTABLE)
}

/// The key encrypts, or only ever derived.
fn may_encrypt(key: &Key) -> bool {
    let others = [
        ck::CKA_SIGN,
        ck::CKA_VERIFY,
        ck::CKA_WRAP,
        ck::CKA_UNWRAP,
        ck::CKA_DECRYPT,
    ];
    key.has(ck::CKA_ENCRYPT) || !others.iter().any(|kind| key.has(*kind))
}

fn value_of(bank: &mut Bank, step: &Step, base: Id, other: Id, len: usize) -> Vec<Byte> {
    let of = |id: Id| bank.bytes(id).to_vec();
    let value: Vec<Byte> = match step {
        Step::Join(parts) => {
            let part = |part: &Piece| match part {
                Piece::Base => of(base),
                Piece::Altered => altered(&of(base)),
                Piece::Other => of(other),
                Piece::Data(len) => vec![Byte::Known; *len],
            };
            parts.iter().flat_map(part).collect()
        }
        Step::Extract(bit) => {
            let bytes = of(base);
            // A window that begins within a byte holds parts of one byte more; its bytes are taken for those of it.
            bytes
                .iter()
                .cycle()
                .skip(bit / 8)
                .take(len)
                .copied()
                .collect()
        }
        Step::OneWay { .. } => of_root(bank.one_way(vec![base]), len),
    };
    value.into_iter().take(len).collect()
}

/// A template by its name.
pub(crate) type Named = (&'static str, Vec<RawAttribute>);
