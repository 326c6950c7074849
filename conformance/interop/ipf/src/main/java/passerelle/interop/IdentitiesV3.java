package passerelle.interop;

import static passerelle.interop.Transaction.ITI_44;
import static passerelle.interop.Transaction.ITI_45;
import static passerelle.interop.Transaction.ITI_47;

import java.util.ArrayList;
import java.util.List;
import org.openehealth.ipf.commons.core.modules.api.ValidationException;

/** HL7 V3: feed, revision and merge (ITI-44), cross-references (ITI-45), demographics with continuation (ITI-47). */
final class IdentitiesV3 {
    private static final String UNKNOWN_DOMAIN = "2.999.77.77";

    private final Session session;
    private final String affinity;
    private final String other;
    private final Person frieda = Person.of(Person.freshFamily(), "Frieda");
    private final String friedasId = Person.freshId();
    private final String friedasOtherId = Person.freshId();
    private final String friedasDouble = Person.freshId();
    private final String siblings = Person.freshFamily();
    private final List<String> siblingsIds = new ArrayList<>();

    IdentitiesV3(Session session) {
        this.session = session;
        affinity = session.settings.affinity().oid();
        other = session.settings.other().oid();
    }

    void run() {
        session.check("IPF's validator stops a patient without identifier", List.of(ITI_44), this::stopped);
        session.check("a patient with two identifiers", List.of(ITI_44), this::add);
        session.check("five patients of one name", List.of(ITI_44), this::addSiblings);
        session.check("identifier of an unknown domain", List.of(ITI_44), this::addUnknownDomain);
        session.check("the identifier in another domain", List.of(ITI_45, ITI_44), this::crossReference);
        session.check("only the domain that is wanted", List.of(ITI_45, ITI_44), this::crossReferenceWanted);
        session.check("no identifier in the domain wanted", List.of(ITI_45, ITI_44), this::crossReferenceNone);
        session.check("unknown identifier", List.of(ITI_45), this::crossReferenceUnknown);
        session.check("unknown domain", List.of(ITI_45), this::crossReferenceUnknownDomain);
        session.check("unknown domain wanted", List.of(ITI_45, ITI_44), this::crossReferenceUnknownTarget);
        session.check("by family and given name", List.of(ITI_47, ITI_44), this::byName);
        session.check("by identifier, one domain told", List.of(ITI_47, ITI_44), this::byIdentifier);
        session.check("nobody", List.of(ITI_47), this::nobody);
        session.check("unknown domain wanted", List.of(ITI_47, ITI_44), this::demographicsUnknownDomain);
        session.check("the first part of an answer", List.of(ITI_47, ITI_44), this::firstPart);
        session.check("continuation by IPF, all parts", List.of(ITI_47, ITI_44), this::allParts);
        session.check("revision", List.of(ITI_44, ITI_47), this::revise);
        session.check("merge", List.of(ITI_44, ITI_45), this::merge);
        session.check("merge of an unknown identifier", List.of(ITI_44), this::mergeUnknown);
    }

    /** The answer of the server would be no ValidationException. */
    private String stopped() throws Exception {
        try {
            feed(Hl7v3.feed("201301", frieda, ""));
        } catch (ValidationException error) {
            return "stopped";
        }
        throw new Expect.UnexpectedException("IPF let it through");
    }

    private String add() throws Exception {
        feed(Hl7v3.feed("201301", frieda, Hl7v3.id(affinity, friedasId) + Hl7v3.id(other, friedasOtherId)))
                .accepted();
        return friedasId;
    }

    private String addSiblings() throws Exception {
        for (String given : List.of("Gerda", "Hilda", "Ilse", "Jutta", "Klara")) {
            int number = siblingsIds.size();
            Person person = new Person(siblings, given, "19" + (50 + 9 * number) + "0" + (number + 1) + "11", "F");
            siblingsIds.add(Person.freshId());
            feed(Hl7v3.feed("201301", person, Hl7v3.id(affinity, siblingsIds.get(number)))).accepted();
        }
        return siblingsIds.toString();
    }

    private String addUnknownDomain() throws Exception {
        return feed(Hl7v3.feed("201301", frieda, Hl7v3.id(UNKNOWN_DOMAIN, Person.freshId())))
                .refused("CE", "204", "/patient/id");
    }

    private String crossReference() throws Exception {
        Answer answer = crossReference(affinity, friedasId).queried("OK");
        Expect.equal("message", "PRPA_IN201310UV02", answer.root());
        Expect.sameSet("identifiers", List.of(friedasOtherId + "@" + other), answer.identifiers());
        return answer.identifiers().toString();
    }

    private String crossReferenceWanted() throws Exception {
        Answer answer = crossReference(other, friedasOtherId, affinity).queried("OK");
        Expect.sameSet("identifiers", List.of(friedasId + "@" + affinity), answer.identifiers());
        return answer.identifiers().toString();
    }

    private String crossReferenceNone() throws Exception {
        Expect.equal("persons", 0, crossReference(affinity, siblingsIds.get(0), other).queried("NF").persons());
        return "NF";
    }

    private String crossReferenceUnknown() throws Exception {
        Answer answer = crossReference(affinity, Person.freshId());
        Expect.equal("queryResponseCode", "AE", answer.responseCode());
        return answer.refused("AE", "204", "/patientIdentifier/value");
    }

    private String crossReferenceUnknownDomain() throws Exception {
        Answer answer = crossReference(UNKNOWN_DOMAIN, friedasId);
        Expect.equal("queryResponseCode", "AE", answer.responseCode());
        return answer.refused("AE", "204", "/patientIdentifier/value");
    }

    private String crossReferenceUnknownTarget() throws Exception {
        return crossReference(affinity, friedasId, UNKNOWN_DOMAIN).refused("AE", "204", "/dataSource[1]/value");
    }

    private String byName() throws Exception {
        Answer answer = demographics(0, Hl7v3.born(frieda.born()), Hl7v3.named(frieda.family(), "Frieda"))
                .queried("OK");
        Expect.equal("message", "PRPA_IN201306UV02", answer.root());
        Expect.equal("persons", 1, answer.persons());
        Expect.equal("family", frieda.family(), answer.ofPerson("name", "family"));
        Expect.equal("given", "Frieda", answer.ofPerson("name", "given"));
        Expect.equal("birth", frieda.born(), answer.ofPerson("birthTime", "@value"));
        Expect.equal("sex", "F", answer.ofPerson("administrativeGenderCode", "@code"));
        return answer.identifiers().toString();
    }

    private String byIdentifier() throws Exception {
        Answer answer = demographics(0, Hl7v3.identified(affinity, friedasId), Hl7v3.scoped(other)).queried("OK");
        Expect.sameSet("identifiers", List.of(friedasOtherId + "@" + other), answer.identifiers());
        return answer.identifiers().toString();
    }

    private String nobody() throws Exception {
        Expect.equal("persons", 0, demographics(0, Hl7v3.named(Person.freshFamily(), "")).queried("NF").persons());
        return "NF";
    }

    private String demographicsUnknownDomain() throws Exception {
        return demographics(0, Hl7v3.named(frieda.family(), ""), Hl7v3.scoped(UNKNOWN_DOMAIN))
                .refused("AE", "204", "/otherIDsScopingOrganization[1]/value");
    }

    private String firstPart() throws Exception {
        Expect.equal("persons", 2, demographics(2, Hl7v3.named(siblings, "")).queried("OK").persons());
        return "2 persons";
    }

    private String allParts() throws Exception {
        Answer answer = Answer.of(session.callContinued(Hl7v3.demographics(2, Hl7v3.named(siblings, ""))))
                .queried("OK");
        Expect.sameSet("identifiers", siblingsIds.stream().map(each -> each + "@" + affinity).toList(),
                answer.identifiers());
        return answer.persons() + " persons";
    }

    private String revise() throws Exception {
        Person revised = new Person(frieda.family(), "Friederike", "19610413", "F");
        feed(Hl7v3.feed("201302", revised, Hl7v3.id(affinity, friedasId) + Hl7v3.id(other, friedasOtherId)))
                .accepted();
        Answer answer = demographics(0, Hl7v3.identified(affinity, friedasId)).queried("OK");
        Expect.equal("given", "Friederike", answer.ofPerson("name", "given"));
        Expect.equal("birth", "19610413", answer.ofPerson("birthTime", "@value"));
        return "Friederike";
    }

    private String merge() throws Exception {
        feed(Hl7v3.feed("201301", frieda, Hl7v3.id(affinity, friedasDouble))).accepted();
        feed(Hl7v3.merge(frieda, Hl7v3.id(affinity, friedasId), Hl7v3.id(affinity, friedasDouble))).accepted();
        crossReference(affinity, friedasId, other).queried("OK");
        return crossReference(affinity, friedasDouble).refused("AE", "204", "/patientIdentifier/value");
    }

    private String mergeUnknown() throws Exception {
        return feed(Hl7v3.merge(frieda, Hl7v3.id(affinity, friedasId), Hl7v3.id(affinity, Person.freshId())))
                .refused("CE", "204", "/priorRegisteredRole/id");
    }

    private Answer feed(String message) throws Exception {
        return Answer.of(session.call(ITI_44, message, String.class));
    }

    private Answer crossReference(String domain, String extension, String... wanted) throws Exception {
        return Answer.of(session.call(ITI_45, Hl7v3.crossReference(domain, extension, wanted), String.class));
    }

    private Answer demographics(int most, String... parameters) throws Exception {
        return Answer.of(session.call(ITI_47, Hl7v3.demographics(most, parameters), String.class));
    }
}
