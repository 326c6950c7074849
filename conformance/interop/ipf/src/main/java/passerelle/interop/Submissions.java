package passerelle.interop;

import static passerelle.interop.Transaction.ITI_41;
import static passerelle.interop.Transaction.ITI_42;

import java.util.List;
import org.openehealth.ipf.commons.core.modules.api.ValidationException;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.SubmissionSet;
import org.openehealth.ipf.commons.ihe.xds.core.responses.ErrorCode;

/** ITI-41 and ITI-42, accepted and refused. */
final class Submissions {
    private final Session session;
    private final Samples samples;

    Submissions(Session session) {
        this.session = session;
        samples = session.samples;
    }

    void run() {
        session.check("request without classCode is stopped by IPF", List.of(ITI_41), this::stopped);
        session.check("two documents and a folder", List.of(ITI_41), () -> accepted(session.first));
        session.check("replacement", List.of(ITI_41), () -> accepted(session.replacement));
        session.check("replacing what is deprecated", List.of(ITI_41), this::replacedTwice);
        session.check("unknown patient", List.of(ITI_41), this::unknownPatient);
        session.check("hash of another content", List.of(ITI_41), this::wrongHash);
        session.check("uniqueId with other content", List.of(ITI_41), this::otherContent);
        session.check("metadata of a document elsewhere", List.of(ITI_42), this::registered);
        session.check("unknown patient", List.of(ITI_42), this::unknownPatientRegistered);
    }

    private String accepted(Submission submission) throws Exception {
        Expect.success(session.call(ITI_41, submission.provide()));
        return submission.documents.size() + " documents";
    }

    /** Shows that the validators are at work. */
    private String stopped() throws Exception {
        DocumentEntry entry = samples.entry("Without class", "text/plain");
        entry.setClassCode(null);
        try {
            session.call(ITI_41, single(entry).provide());
        } catch (ValidationException refused) {
            return refused.getMessage();
        }
        throw new Expect.UnexpectedException("IPF sent it");
    }

    private String replacedTwice() throws Exception {
        DocumentEntry entry = samples.entry("Second correction", "text/plain");
        Submission late = single(entry).replacing(entry, session.letter.getEntryUuid());
        return Expect.failure(ErrorCode.REGISTRY_DEPRECATED_DOCUMENT_ERROR, session.call(ITI_41, late.provide()));
    }

    private String unknownPatient() throws Exception {
        return Expect.failure(ErrorCode.UNKNOWN_PATIENT_ID, session.call(ITI_41, ofNobody().provide()));
    }

    private String unknownPatientRegistered() throws Exception {
        return Expect.failure(ErrorCode.UNKNOWN_PATIENT_ID, session.call(ITI_42, ofNobody().register()));
    }

    private String wrongHash() throws Exception {
        DocumentEntry entry = samples.entry("Wrong hash", "text/plain");
        entry.setHash(Samples.sha1(new byte[] {1}));
        return Expect.failure(ErrorCode.REPOSITORY_METADATA_ERROR, session.call(ITI_41, single(entry).provide()));
    }

    private String otherContent() throws Exception {
        DocumentEntry entry = samples.entry("Other content", "text/plain");
        entry.setUniqueId(session.letter.getUniqueId());
        return Expect.failure(ErrorCode.NON_IDENTICAL_HASH, session.call(ITI_41, single(entry).provide()));
    }

    private String registered() throws Exception {
        Expect.success(session.call(ITI_42, session.registration.register()));
        return "1 entry";
    }

    private Submission single(DocumentEntry entry) {
        return new Submission(samples.submissionSet()).with(entry, Samples.letter(entry.getTitle().getValue()));
    }

    private Submission ofNobody() {
        SubmissionSet set = samples.submissionSet();
        DocumentEntry entry = samples.entry("Of nobody", "text/plain");
        byte[] content = Samples.letter("Of nobody");
        set.setPatientId(samples.strangeToTheDomain());
        entry.setPatientId(set.getPatientId());
        return new Submission(set).with(samples.stored(entry, content), content);
    }
}
