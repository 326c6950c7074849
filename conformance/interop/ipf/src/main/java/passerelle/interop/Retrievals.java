package passerelle.interop;

import static passerelle.interop.Transaction.ITI_41;
import static passerelle.interop.Transaction.ITI_43;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import javax.xml.namespace.QName;
import org.apache.cxf.binding.soap.SoapFault;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.requests.DocumentReference;
import org.openehealth.ipf.commons.ihe.xds.core.requests.RetrieveDocumentSet;
import org.openehealth.ipf.commons.ihe.xds.core.responses.ErrorCode;
import org.openehealth.ipf.commons.ihe.xds.core.responses.RetrievedDocument;
import org.openehealth.ipf.commons.ihe.xds.core.responses.RetrievedDocumentSet;

/** ITI-43: the octets that were provided, and what is not there. */
final class Retrievals {
    private static final List<Transaction> NEEDED = List.of(ITI_43, ITI_41);

    private final Session session;

    Retrievals(Session session) {
        this.session = session;
    }

    void run() {
        session.check("two documents, octet by octet", NEEDED, this::two);
        session.check("one known and one unknown document", NEEDED, this::partly);
        session.check("unknown document", NEEDED, this::unknown);
        session.check("document of another repository", NEEDED, this::elsewhere);
        session.check("sent to the registry is a fault of the sender", NEEDED, this::astray);
    }

    private String two() throws Exception {
        RetrievedDocumentSet answer = Expect.success(retrieve(of(session.letter), of(session.image)));
        Map<String, byte[]> expected = Map.of(session.letter.getUniqueId(), session.letterContent,
                session.image.getUniqueId(), session.imageContent);
        Expect.equal("number of documents", 2, answer.getDocuments().size());
        for (RetrievedDocument document : answer.getDocuments()) {
            byte[] found = document.getDataHandler().getInputStream().readAllBytes();
            Expect.that(Arrays.equals(expected.get(document.getRequestData().getDocumentUniqueId()), found),
                    "other octets came back: " + found.length);
        }
        Expect.sameSet("media types", List.of(session.letter.getMimeType(), session.image.getMimeType()),
                answer.getDocuments().stream().map(RetrievedDocument::getMimeType).toList());
        return session.letterContent.length + " and " + session.imageContent.length + " octets";
    }

    private String partly() throws Exception {
        RetrievedDocumentSet answer = retrieve(of(session.letter), strange());
        Expect.equal("number of documents", 1, answer.getDocuments().size());
        return Expect.partial(ErrorCode.DOCUMENT_UNIQUE_ID_ERROR, answer);
    }

    private String unknown() throws Exception {
        return Expect.failure(ErrorCode.DOCUMENT_UNIQUE_ID_ERROR, retrieve(strange()));
    }

    private String elsewhere() throws Exception {
        DocumentReference reference = of(session.letter);
        reference.setRepositoryUniqueId("2.999.9.9.9");
        return Expect.failure(ErrorCode.UNKNOWN_REPOSITORY_ID, retrieve(reference));
    }

    /** The fault has code, subcode and reason (SOAP 1.2 part 1, 5.4; WS-Addressing 1.0 SOAP binding, 6.4.2). */
    private String astray() throws Exception {
        try {
            session.callAstray(request(of(session.letter)));
        } catch (SoapFault fault) {
            Expect.equal("fault code", "Sender", fault.getFaultCode().getLocalPart());
            Expect.equal("subcodes", List.of("ActionNotSupported"),
                    fault.getSubCodes().stream().map(QName::getLocalPart).toList());
            return fault.getReason();
        }
        throw new Expect.UnexpectedException("no fault");
    }

    private RetrievedDocumentSet retrieve(DocumentReference... references) throws Exception {
        return session.call(ITI_43, request(references), RetrievedDocumentSet.class);
    }

    private static RetrieveDocumentSet request(DocumentReference... references) {
        RetrieveDocumentSet request = new RetrieveDocumentSet();
        request.getDocuments().addAll(List.of(references));
        return request;
    }

    private DocumentReference of(DocumentEntry entry) {
        return new DocumentReference(session.settings.repositoryUniqueId(), entry.getUniqueId(), null);
    }

    private DocumentReference strange() {
        return new DocumentReference(session.settings.repositoryUniqueId(), Samples.oid(), null);
    }
}
