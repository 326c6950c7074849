package passerelle.interop;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.UUID;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Author;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Code;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntryType;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Folder;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Identifiable;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.LocalizedString;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Organization;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.PatientInfo;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Person;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.ReferenceId;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.SubmissionSet;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Telecom;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Timestamp;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.XpnName;

/** Synthetic metadata (ITI TF-3 4.2.3), fresh identifiers in every run. */
final class Samples {
    static final Code EPISODE = code("34133-9", "2.16.840.1.113883.6.1", "Summarization of episode note");
    static final Code PROGRESS = code("11506-3", "2.16.840.1.113883.6.1", "Progress note");
    private static final Code NORMAL = code("N", "2.16.840.1.113883.5.25", "normal");
    private static final Code FORMAT =
            code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3", "mimeType sufficient");
    private static final Code HOSPITAL = code("22232009", "2.16.840.1.113883.6.96", "Hospital");
    private static final Code MEDICINE = code("394802001", "2.16.840.1.113883.6.96", "General medicine");
    private static final Code EVENT = code("ACTN", "1.3.5.35.1.4427", "Interoperability test");

    private final Settings settings;

    Samples(Settings settings) {
        this.settings = settings;
    }

    Identifiable patient() {
        return Identifiable.parse(settings.patientId());
    }

    /** A patient of the domain that nobody announced. */
    Identifiable strangeToTheDomain() {
        Identifiable patient = patient();
        patient.setId("nobody-" + UUID.randomUUID());
        return patient;
    }

    SubmissionSet submissionSet() {
        SubmissionSet set = new SubmissionSet();
        set.setEntryUuid(uuid());
        set.setUniqueId(oid());
        set.setSourceId(settings.sourceId());
        set.setPatientId(patient());
        set.setTitle(text("Interoperability submission"));
        set.setContentTypeCode(EPISODE);
        set.setSubmissionTime(Timestamp.now());
        set.setAuthor(author());
        return set;
    }

    /** A stable entry with all that is required and most of what is optional; size and hash are left out. */
    DocumentEntry entry(String title, String mimeType) {
        DocumentEntry entry = described(title, mimeType);
        entry.setType(DocumentEntryType.STABLE);
        entry.setCreationTime("20260102030405");
        entry.setLegalAuthenticator(Person.parse("77^Signer^Ida^^^Dr^^^&2.999.9.6&ISO"));
        return entry;
    }

    /** An on-demand entry (ITI-61): no creationTime, size, hash, and nobody has signed it. */
    DocumentEntry onDemandEntry(String title) {
        DocumentEntry entry = described(title, "text/xml");
        entry.setType(DocumentEntryType.ON_DEMAND);
        entry.setRepositoryUniqueId(settings.repositoryUniqueId());
        return entry;
    }

    /** Size, hash and repository as ITI-42 wants them. */
    DocumentEntry stored(DocumentEntry entry, byte[] content) {
        entry.setSize((long) content.length);
        entry.setHash(sha1(content));
        entry.setRepositoryUniqueId(settings.repositoryUniqueId());
        return entry;
    }

    Folder folder(String title) {
        Folder folder = new Folder();
        folder.setEntryUuid(uuid());
        folder.setUniqueId(oid());
        folder.setPatientId(patient());
        folder.setTitle(text(title));
        folder.setComments(text("A folder of the test"));
        folder.getCodeList().add(PROGRESS);
        return folder;
    }

    private DocumentEntry described(String title, String mimeType) {
        DocumentEntry entry = new DocumentEntry();
        entry.setEntryUuid(uuid());
        entry.setUniqueId(oid());
        entry.setPatientId(patient());
        entry.setSourcePatientId(Identifiable.parse("LOCAL-1^^^&2.999.9.4&ISO"));
        entry.setSourcePatientInfo(demographics());
        entry.setTitle(text(title));
        entry.setComments(text("Größe & <Länge>"));
        entry.setMimeType(mimeType);
        entry.setLanguageCode("en-GB");
        entry.setServiceStartTime("20260101");
        entry.setServiceStopTime("20260102");
        entry.setClassCode(EPISODE);
        entry.setTypeCode(EPISODE);
        entry.setFormatCode(FORMAT);
        entry.setHealthcareFacilityTypeCode(HOSPITAL);
        entry.setPracticeSettingCode(MEDICINE);
        entry.getConfidentialityCodes().add(NORMAL);
        entry.getEventCodeList().add(EVENT);
        entry.getAuthors().add(author());
        entry.getReferenceIdList().add(ReferenceId.parse(
                UUID.randomUUID() + "^^^&2.999.9.7&ISO^" + ReferenceId.ID_TYPE_CODE_ORDER));
        return entry;
    }

    private static Author author() {
        Author author = new Author();
        author.setAuthorPerson(Person.parse("42^Tester^Interop^^^Dr^^^&2.999.9.6&ISO"));
        author.getAuthorInstitution().add(Organization.parse("Test Hospital^^^^^&2.999.9.1&ISO^^^^7"));
        author.getAuthorRole().add(new Identifiable("Attending"));
        author.getAuthorSpecialty().add(new Identifiable("Medicine"));
        author.getAuthorTelecom().add(new Telecom("tester@example.org"));
        return author;
    }

    private static PatientInfo demographics() {
        PatientInfo info = new PatientInfo();
        info.getNames().add(new XpnName("Testperson", "Interop", null, null, null, null));
        info.setDateOfBirth("19700101");
        info.setGender("U");
        return info;
    }

    /** Text in the language that ebRIM takes for granted; the registry keeps no other (README.md, differences). */
    static LocalizedString text(String value) {
        return new LocalizedString(value, "en-US", "UTF-8");
    }

    static String uuid() {
        return "urn:uuid:" + UUID.randomUUID();
    }

    /** An OID below the arc for UUIDs. */
    static String oid() {
        UUID uuid = UUID.randomUUID();
        byte[] octets = ByteBuffer.allocate(16)
                .putLong(uuid.getMostSignificantBits()).putLong(uuid.getLeastSignificantBits()).array();
        return "2.25." + new BigInteger(1, octets);
    }

    static byte[] letter(String text) {
        return (text + "\r\nline two\n").getBytes(StandardCharsets.UTF_8);
    }

    /** Every octet there is, again and again, and what looks like a line end or a boundary. */
    static byte[] octets(int count) {
        ByteBuffer all = ByteBuffer.allocate(count);
        for (int at = 0; at < count; at++) {
            all.put((byte) (at % 256));
        }
        return all.put(1000, "\r\n--uuid:boundary--\r\n".getBytes(StandardCharsets.US_ASCII)).array();
    }

    static String sha1(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-1").digest(content));
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }

    private static Code code(String code, String scheme, String name) {
        return new Code(code, text(name), scheme);
    }
}
