package passerelle.interop;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPath;
import javax.xml.xpath.XPathConstants;
import javax.xml.xpath.XPathExpressionException;
import javax.xml.xpath.XPathFactory;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

/** An answer in HL7 V3 that IPF has validated, by XPath. */
final class Answer {
    private static final String ACT = "/*/*[local-name()='controlActProcess']";
    private static final String PATIENT = ACT + path("subject", "registrationEvent", "subject1", "patient");

    private final Document document;
    private final XPath xpath = XPathFactory.newInstance().newXPath();

    private Answer(Document document) {
        this.document = document;
    }

    static Answer of(String text) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        return new Answer(factory.newDocumentBuilder().parse(new InputSource(new StringReader(text))));
    }

    String root() {
        return document.getDocumentElement().getLocalName();
    }

    String acknowledgement() throws XPathExpressionException {
        return text("/*" + path("acknowledgement", "typeCode") + "/@code");
    }

    String responseCode() throws XPathExpressionException {
        return text(ACT + path("queryAck", "queryResponseCode") + "/@code");
    }

    /** Identifiers of patient/id as "id@OID". */
    List<String> identifiers() throws XPathExpressionException {
        return identifiers(PATIENT + path("id"));
    }

    /** Identifiers of asOtherIDs as "id@OID". */
    List<String> otherIdentifiers() throws XPathExpressionException {
        return identifiers(PATIENT + path("patientPerson", "asOtherIDs", "id") + "[@extension]");
    }

    int persons() throws XPathExpressionException {
        return texts(ACT + path("subject") + "/@typeCode").size();
    }

    /** Text of an element of the first patientPerson, or of its attribute ("@…"). */
    String ofPerson(String... names) throws XPathExpressionException {
        return text("(" + PATIENT + path("patientPerson") + ")[1]" + path(names));
    }

    String custodian() throws XPathExpressionException {
        return text(ACT + path("subject", "registrationEvent", "custodian", "assignedEntity", "id") + "/@root");
    }

    /** Accepted by a feed. */
    Answer accepted() throws Exception {
        Expect.equal("message", "MCCI_IN000002UV01", root());
        Expect.equal("acknowledgement (" + details() + ")", "CA", acknowledgement());
        return this;
    }

    /** A query that was answered. */
    Answer queried(String code) throws Exception {
        Expect.equal("acknowledgement (" + details() + ")", "AA", acknowledgement());
        Expect.equal("queryResponseCode", code, responseCode());
        return this;
    }

    /** Refused with a code, at the place that ends so. */
    String refused(String acknowledgement, String code, String place) throws Exception {
        Expect.equal("acknowledgement", acknowledgement, acknowledgement());
        String detail = "/*" + path("acknowledgement", "acknowledgementDetail");
        Expect.equal("code", code, text(detail + path("code") + "/@code"));
        String location = text(detail + path("location"));
        Expect.that(location.endsWith(place), "place: " + location);
        return details();
    }

    private String details() throws XPathExpressionException {
        return String.join("; ", texts("/*" + path("acknowledgement", "acknowledgementDetail", "text")));
    }

    private List<String> identifiers(String where) throws XPathExpressionException {
        List<String> roots = texts(where + "/@root");
        List<String> extensions = texts(where + "/@extension");
        List<String> found = new ArrayList<>();
        for (int at = 0; at < roots.size(); at++) {
            found.add(extensions.get(at) + "@" + roots.get(at));
        }
        return found;
    }

    private String text(String expression) throws XPathExpressionException {
        return texts(expression).stream().findFirst().orElse("");
    }

    private List<String> texts(String expression) throws XPathExpressionException {
        NodeList nodes = (NodeList) xpath.evaluate(expression, document, XPathConstants.NODESET);
        List<String> found = new ArrayList<>();
        for (int at = 0; at < nodes.getLength(); at++) {
            found.add(nodes.item(at).getTextContent().strip());
        }
        return found;
    }

    private static String path(String... names) {
        StringBuilder path = new StringBuilder();
        for (String name : names) {
            path.append(name.startsWith("@") ? "/" + name : "/*[local-name()='" + name + "']");
        }
        return path.toString();
    }
}
