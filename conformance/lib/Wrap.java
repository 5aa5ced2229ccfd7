import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.security.KeyFactory;
import java.security.KeyPairGenerator;
import java.security.Provider;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.interfaces.ECPrivateKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import javax.crypto.Cipher;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource.PSpecified;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.asn1.gm.GMNamedCurves;
import org.bouncycastle.asn1.x9.X9ECParameters;
import org.bouncycastle.crypto.engines.SM2Engine;
import org.bouncycastle.crypto.params.ECDomainParameters;
import org.bouncycastle.crypto.params.ECPublicKeyParameters;
import org.bouncycastle.crypto.params.ParametersWithRandom;
import org.bouncycastle.jcajce.provider.asymmetric.ec.BCECPublicKey;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/**
 * A key's owner in Java, with the JDK's own providers or with Bouncy Castle.
 *
 * Answers each line of standard input with a line of Base64:
 * {@code generate PROVIDER RSA:BITS|EC:CURVE} with a private key as PKCS#8, and
 * {@code WAY PROVIDER PUBLIC MATERIAL}, both in Base64, with the wrapped material.
 */
public class Wrap {
    private static final Provider BC = new BouncyCastleProvider();
    private static final SecureRandom RANDOM = new SecureRandom();

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");
            boolean bouncy = words[1].equals("bc");
            byte[] answer = words[0].equals("generate")
                ? generate(bouncy, words[2])
                : wrap(words[0], bouncy, decode(words[2]), decode(words[3]));
            System.out.println(Base64.getEncoder().encodeToString(answer));
        }
    }

    private static byte[] decode(String text) {
        return Base64.getDecoder().decode(text);
    }

    private static Cipher cipher(boolean bouncy, String name) throws Exception {
        return bouncy ? Cipher.getInstance(name, BC) : Cipher.getInstance(name);
    }

    private static KeyFactory factory(boolean bouncy, String name) throws Exception {
        return bouncy ? KeyFactory.getInstance(name, BC) : KeyFactory.getInstance(name);
    }

    private static byte[] generate(boolean bouncy, String kind) throws Exception {
        String[] parts = kind.split(":");
        KeyPairGenerator generator = bouncy
            ? KeyPairGenerator.getInstance(parts[0], BC)
            : KeyPairGenerator.getInstance(parts[0]);
        if (parts[0].equals("RSA")) {
            generator.initialize(Integer.parseInt(parts[1]));
        } else {
            generator.initialize(new ECGenParameterSpec(parts[1]), RANDOM);
        }
        return generator.generateKeyPair().getPrivate().getEncoded();
    }

    private static byte[] wrap(String way, boolean bouncy, byte[] spki, byte[] material)
            throws Exception {
        if (way.equals("sm2-sm4")) {
            return sm2Sm4(spki, material);
        }
        PublicKey key = factory(bouncy, "RSA").generatePublic(new X509EncodedKeySpec(spki));
        switch (way) {
            case "oaep-sha1":
                return byDefault(bouncy, key, "SHA-1", material);
            case "oaep-sha256":
                return oaep(bouncy, key, material);
            case "oaep-sha256-default":
                return byDefault(bouncy, key, "SHA-256", material);
            default:
                break;
        }
        byte[] ephemeral = new byte[32];
        RANDOM.nextBytes(ephemeral);
        String inner = way.equals("key-wrap")
            ? (bouncy ? "AESWRAPPAD" : "AES/KWP/NoPadding")
            : (bouncy ? "AES/ECB/PKCS7Padding" : "AES/ECB/PKCS5Padding");
        Cipher cipher = cipher(bouncy, inner);
        SecretKeySpec kek = new SecretKeySpec(ephemeral, "AES");
        byte[] tail;
        if (way.equals("key-wrap")) {
            cipher.init(Cipher.WRAP_MODE, kek);
            tail = cipher.wrap(new SecretKeySpec(material, "RAW"));
        } else {
            cipher.init(Cipher.ENCRYPT_MODE, kek);
            tail = cipher.doFinal(material);
        }
        return join(oaep(bouncy, key, ephemeral), tail);
    }

    /** Names both hashes, as one has to where the providers' defaults differ. */
    private static byte[] oaep(boolean bouncy, PublicKey key, byte[] material) throws Exception {
        Cipher cipher = cipher(bouncy, "RSA/ECB/OAEPWithSHA-1AndMGF1Padding");
        cipher.init(Cipher.ENCRYPT_MODE, key, new OAEPParameterSpec(
            "SHA-256", "MGF1", new MGF1ParameterSpec("SHA-256"), PSpecified.DEFAULT));
        return cipher.doFinal(material);
    }

    /** Leaves MGF1 to the provider: the JDK takes SHA-1, Bouncy Castle the hash of OAEP. */
    private static byte[] byDefault(boolean bouncy, PublicKey key, String hash, byte[] material)
            throws Exception {
        Cipher cipher = cipher(bouncy, "RSA/ECB/OAEPWith" + hash + "AndMGF1Padding");
        cipher.init(Cipher.ENCRYPT_MODE, key);
        return cipher.doFinal(material);
    }

    private static byte[] sm2Sm4(byte[] spki, byte[] pkcs8) throws Exception {
        BCECPublicKey key = (BCECPublicKey) factory(true, "EC")
            .generatePublic(new X509EncodedKeySpec(spki));
        X9ECParameters curve = GMNamedCurves.getByName("sm2p256v1");
        ECDomainParameters domain =
            new ECDomainParameters(curve.getCurve(), curve.getG(), curve.getN());
        SM2Engine engine = new SM2Engine(SM2Engine.Mode.C1C3C2);
        engine.init(true, new ParametersWithRandom(
            new ECPublicKeyParameters(key.getQ(), domain), RANDOM));
        byte[] ephemeral = new byte[16];
        RANDOM.nextBytes(ephemeral);
        Cipher cipher = cipher(true, "SM4/ECB/NoPadding");
        cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(ephemeral, "SM4"));
        return join(engine.processBlock(ephemeral, 0, ephemeral.length),
            cipher.doFinal(scalar(pkcs8)));
    }

    /** The 32 bytes of d, big-endian. */
    private static byte[] scalar(byte[] pkcs8) throws Exception {
        ECPrivateKey key = (ECPrivateKey) factory(true, "EC")
            .generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
        byte[] digits = key.getS().toByteArray();
        byte[] scalar = new byte[32];
        int length = Math.min(digits.length, scalar.length);
        System.arraycopy(digits, digits.length - length, scalar, scalar.length - length, length);
        return scalar;
    }

    private static byte[] join(byte[] first, byte[] second) throws Exception {
        ByteArrayOutputStream joined = new ByteArrayOutputStream();
        joined.write(first);
        joined.write(second);
        return joined.toByteArray();
    }
}
