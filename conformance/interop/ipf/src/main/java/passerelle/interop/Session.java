package passerelle.interop;

import java.util.List;
import java.util.concurrent.Callable;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AvailabilityStatus;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Folder;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Identifiable;
import org.openehealth.ipf.commons.ihe.xds.core.requests.QueryRegistry;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.Query;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.QueryReturnType;
import org.openehealth.ipf.commons.ihe.xds.core.responses.QueryResponse;
import org.openehealth.ipf.commons.ihe.xds.core.responses.Response;

/** What the steps share: the client, the report, and the objects that the submissions left in the system. */
final class Session {
    private static final int LARGE = 3_000_000;

    final Settings settings;
    final Samples samples;
    private final Client client;
    private final Report report;

    final byte[] letterContent = Samples.letter("Letter, written by IPF.");
    final byte[] imageContent = Samples.octets(LARGE);
    final DocumentEntry letter;
    final DocumentEntry image;
    final DocumentEntry corrected;
    final DocumentEntry registered;
    final Folder folder;
    final Submission first;
    final Submission replacement;
    final Submission registration;

    Session(Settings settings, Client client, Report report) {
        this.settings = settings;
        this.client = client;
        this.report = report;
        samples = new Samples(settings);
        letter = samples.entry("Letter", "text/plain");
        image = samples.entry("Image", "application/octet-stream");
        image.setTypeCode(Samples.PROGRESS);
        corrected = samples.entry("Letter, corrected", "text/plain");
        folder = samples.folder("Letters and images");
        first = new Submission(samples.submissionSet()).with(letter, letterContent).with(image, imageContent)
                .with(folder).inFolder(letter, folder).inFolder(image, folder);
        replacement = new Submission(samples.submissionSet())
                .with(corrected, Samples.letter("Corrected.")).replacing(corrected, letter.getEntryUuid());
        byte[] elsewhere = Samples.letter("Kept by the source itself.");
        registered = samples.stored(samples.entry("Registered only", "text/plain"), elsewhere);
        registration = new Submission(samples.submissionSet()).with(registered, elsewhere);
    }

    /** A check, if all the transactions it needs are to be tried. */
    void check(String name, List<Transaction> needed, Callable<String> check) {
        if (settings.transactions().containsAll(needed)) {
            report.check(needed.get(0) + " " + name, check);
        }
    }

    /** A transaction that is answered by a registry response. */
    Response call(Transaction transaction, Object request) throws Exception {
        return client.call(transaction, request, Response.class);
    }

    <T> T call(Transaction transaction, Object request, Class<T> kind) throws Exception {
        return client.call(transaction, request, kind);
    }

    /** The same, where IPF's validators have a wrong profile of request or answer. */
    <T> T call(Transaction transaction, Client.Validated validated, Object request, Class<T> kind) throws Exception {
        return client.call(transaction, validated, request, kind);
    }

    /** ITI-47, all parts of a long answer in one. */
    String callContinued(String request) throws Exception {
        return client.callContinued(request);
    }

    /** An ITI-43 to the registry. */
    void callAstray(Object request) throws Exception {
        client.callAstray(request);
    }

    /** ITI-18 with an answer of complete objects. */
    QueryResponse query(Query query) throws Exception {
        return query(query, QueryReturnType.LEAF_CLASS);
    }

    QueryResponse query(Query query, QueryReturnType type) throws Exception {
        return Expect.success(client.call(Transaction.ITI_18, new QueryRegistry(query, type), QueryResponse.class));
    }

    FindDocumentsQuery findDocuments(Identifiable patient, AvailabilityStatus... statuses) {
        FindDocumentsQuery query = new FindDocumentsQuery();
        query.setPatientId(patient);
        query.setStatus(List.of(statuses));
        return query;
    }

    /** The entry as the registry has it now; it must be the latest version. */
    DocumentEntry current(String uuid) throws Exception {
        GetDocumentsQuery query = new GetDocumentsQuery();
        query.setUuids(List.of(uuid));
        List<DocumentEntry> entries = query(query).getDocumentEntries();
        Expect.equal("number of entries", 1, entries.size());
        return entries.get(0);
    }
}
