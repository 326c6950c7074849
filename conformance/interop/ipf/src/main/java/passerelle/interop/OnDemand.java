package passerelle.interop;

import static passerelle.interop.Transaction.ITI_18;
import static passerelle.interop.Transaction.ITI_61;

import java.util.List;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AvailabilityStatus;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntryType;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.responses.ErrorCode;

/** ITI-61, after the queries that count what the submissions left. */
final class OnDemand {
    private final Session session;
    private final Samples samples;

    OnDemand(Session session) {
        this.session = session;
        samples = session.samples;
    }

    void run() {
        session.check("on-demand entry", List.of(ITI_61, ITI_18), this::registered);
        session.check("unknown patient", List.of(ITI_61), this::unknownPatient);
    }

    private String registered() throws Exception {
        DocumentEntry entry = samples.onDemandEntry("Summary on demand");
        Expect.success(session.call(ITI_61, submission(entry).register()));
        FindDocumentsQuery query = session.findDocuments(samples.patient(), AvailabilityStatus.APPROVED);
        query.setDocumentEntryTypes(List.of(DocumentEntryType.ON_DEMAND));
        List<DocumentEntry> found = session.query(query).getDocumentEntries();
        Expect.sameSet("on-demand entries", List.of(entry.getUniqueId()),
                found.stream().map(DocumentEntry::getUniqueId).toList());
        Expect.equal("type", DocumentEntryType.ON_DEMAND, found.get(0).getType());
        return "1 entry";
    }

    private String unknownPatient() throws Exception {
        DocumentEntry entry = samples.onDemandEntry("Of nobody");
        entry.setPatientId(samples.strangeToTheDomain());
        Submission submission = submission(entry);
        submission.set.setPatientId(entry.getPatientId());
        return Expect.failure(ErrorCode.UNKNOWN_PATIENT_ID, session.call(ITI_61, submission.register()));
    }

    private Submission submission(DocumentEntry entry) {
        return new Submission(samples.submissionSet()).with(entry, new byte[0]);
    }
}
