package passerelle.fhir;

import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.api.MethodOutcome;
import ca.uhn.fhir.rest.api.SearchStyleEnum;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.gclient.ICriterion;
import ca.uhn.fhir.rest.param.TokenParam;
import ca.uhn.fhir.rest.param.UriParam;
import ca.uhn.fhir.rest.server.exceptions.ForbiddenOperationException;
import ca.uhn.fhir.rest.server.exceptions.InvalidRequestException;
import ca.uhn.fhir.rest.server.exceptions.ResourceNotFoundException;
import ca.uhn.fhir.rest.server.exceptions.UnprocessableEntityException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.hl7.fhir.r4.model.BooleanType;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.CapabilityStatement;
import org.hl7.fhir.r4.model.CapabilityStatement.CapabilityStatementRestResourceComponent;
import org.hl7.fhir.r4.model.CodeType;
import org.hl7.fhir.r4.model.DateType;
import org.hl7.fhir.r4.model.Enumerations.AdministrativeGender;
import org.hl7.fhir.r4.model.Identifier;
import org.hl7.fhir.r4.model.IntegerType;
import org.hl7.fhir.r4.model.Parameters;
import org.hl7.fhir.r4.model.Patient;
import org.hl7.fhir.r4.model.Reference;
import org.hl7.fhir.r4.model.StringType;
import org.hl7.fhir.r4.model.UriType;

/** PIXm and PDQm in one encoding: capabilities, ITI-104, ITI-83, ITI-78, ITI-119. */
final class Patients {
    private static final String GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade";
    private static final String NOWHERE = "urn:oid:2.999.77.77";

    private final Client client;
    private final IGenericClient fhir;
    private final EncodingEnum encoding;
    private final Report report;
    private final String system;
    private final String other;
    private final String family = "Hapi" + letters();
    private final String annasId = fresh();
    private final String annasOtherId = fresh();
    private final String annasDouble = fresh();
    private final String bertasId = fresh();
    private String logicalId = "";

    Patients(Client client, EncodingEnum encoding, Report report) {
        this.client = client;
        this.encoding = encoding;
        this.report = report;
        fhir = client.in(encoding);
        system = client.settings().system();
        other = client.settings().otherSystem();
    }

    void run() {
        check("capabilities", this::capabilities);
        check("ITI-104 a new patient", this::create);
        check("ITI-104 the same again", this::again);
        check("ITI-104 a second patient of the name", this::second);
        check("ITI-104 domain that nobody knows", this::feedUnknownDomain);
        check("ITI-104 without a name", this::feedNameless);
        check("ITI-83 by GET", this::crossReference);
        check("ITI-83 by POST", this::crossReferenceByPost);
        check("ITI-83 nothing in the domain wanted", this::crossReferenceNone);
        check("ITI-83 unknown identifier", this::crossReferenceUnknown);
        check("ITI-83 unknown domain", this::crossReferenceUnknownDomain);
        check("ITI-83 unknown domain wanted", this::crossReferenceUnknownTarget);
        check("ITI-78 by name, birth and gender", this::search);
        check("ITI-78 by POST", this::searchByPost);
        check("ITI-78 pages", this::pages);
        check("ITI-78 nobody", this::nobody);
        check("ITI-78 by identifier", this::byIdentifier);
        check("ITI-78 read", this::read);
        check("ITI-78 read what is not there", this::readUnknown);
        check("ITI-119 graded", this::match);
        check("ITI-119 only who is certain", this::certain);
        check("ITI-119 too little to look for", this::matchTooLittle);
        check("ITI-104 resolution of a duplicate", this::resolve);
        check("ITI-104 removal", this::remove);
    }

    private void check(String name, Callable<String> check) {
        report.check(encoding + " " + name, () -> {
            String told = check.call();
            client.validity().check();
            return told;
        });
    }

    private String capabilities() throws Exception {
        CapabilityStatement told = fhir.capabilities().ofType(CapabilityStatement.class).execute();
        Expect.equal("fhirVersion", "4.0.1", told.getFhirVersion().toCode());
        CapabilityStatementRestResourceComponent patient = told.getRestFirstRep().getResource().stream()
                .filter(each -> each.getType().equals("Patient")).findFirst().orElseThrow();
        Set<String> operations = patient.getOperation().stream().map(each -> each.getName())
                .collect(Collectors.toCollection(TreeSet::new));
        Expect.that(operations.containsAll(List.of("ihe-pix", "match")), "operations: " + operations);
        Expect.that(patient.getConditionalUpdate(), "no conditional update");
        Set<String> parameters = patient.getSearchParam().stream().map(each -> each.getName())
                .collect(Collectors.toCollection(TreeSet::new));
        Expect.that(parameters.containsAll(List.of("identifier", "family", "given", "birthdate", "gender")),
                "search parameters: " + parameters);
        return operations + " " + parameters;
    }

    private String create() throws Exception {
        MethodOutcome outcome = put(patient(annasId, "Anna").addIdentifier(identifier(other, annasOtherId)), annasId);
        Expect.equal("status", 201, outcome.getResponseStatusCode());
        Expect.equal("created", Boolean.TRUE, outcome.getCreated());
        logicalId = outcome.getId().getIdPart();
        Expect.that(logicalId != null, "no logical id");
        return logicalId;
    }

    private String again() throws Exception {
        MethodOutcome outcome = put(patient(annasId, "Anna").addIdentifier(identifier(other, annasOtherId)), annasId);
        Expect.equal("status", 200, outcome.getResponseStatusCode());
        return "200";
    }

    private String second() throws Exception {
        Patient berta = patient(bertasId, "Berta");
        berta.setBirthDateElement(new DateType("1982-11-30"));
        Expect.equal("status", 201, put(berta, bertasId).getResponseStatusCode());
        return "201";
    }

    private String feedUnknownDomain() throws Exception {
        Patient stranger = patient(annasId, "Anna");
        stranger.getIdentifierFirstRep().setSystem(NOWHERE);
        return Expect.refused(ForbiddenOperationException.class, "forbidden", () -> put(stranger, NOWHERE, annasId));
    }

    private String feedNameless() throws Exception {
        Patient nameless = patient(fresh(), "Anna");
        nameless.setName(null);
        return Expect.refused(UnprocessableEntityException.class, "required",
                () -> put(nameless, nameless.getIdentifierFirstRep().getValue()));
    }

    private String crossReference() throws Exception {
        Parameters found = crossReference(system, annasId, null);
        Identifier target = (Identifier) found.getParameters("targetIdentifier").get(0).getValue();
        Expect.equal("target", other + "|" + annasOtherId, target.getSystem() + "|" + target.getValue());
        Expect.equal("identifiers", 1, found.getParameters("targetIdentifier").size());
        return target.getValue();
    }

    private String crossReferenceByPost() throws Exception {
        Parameters asked = new Parameters();
        asked.addParameter("sourceIdentifier", new StringType(other + "|" + annasOtherId));
        asked.addParameter("targetSystem", new UriType(system));
        Parameters found = fhir.operation().onType(Patient.class).named("$ihe-pix").withParameters(asked).execute();
        Identifier target = (Identifier) found.getParameters("targetIdentifier").get(0).getValue();
        Expect.equal("target", annasId, target.getValue());
        return target.getValue();
    }

    private String crossReferenceNone() throws Exception {
        Expect.equal("parameters", 0, crossReference(system, bertasId, other).getParameter().size());
        return "none";
    }

    private String crossReferenceUnknown() throws Exception {
        return Expect.refused(ResourceNotFoundException.class, "not-found",
                () -> crossReference(system, fresh(), null));
    }

    private String crossReferenceUnknownDomain() throws Exception {
        return Expect.refused(InvalidRequestException.class, "code-invalid",
                () -> crossReference(NOWHERE, annasId, null));
    }

    private String crossReferenceUnknownTarget() throws Exception {
        return Expect.refused(ForbiddenOperationException.class, "code-invalid",
                () -> crossReference(system, annasId, NOWHERE));
    }

    private String search() throws Exception {
        Bundle found = fhir.search().forResource(Patient.class).where(named())
                .and(Patient.BIRTHDATE.exactly().day("1961-04-12")).and(Patient.GENDER.exactly().code("female"))
                .returnBundle(Bundle.class).execute();
        return anna(found);
    }

    private String searchByPost() throws Exception {
        Bundle found = fhir.search().forResource(Patient.class).where(named())
                .and(Patient.GIVEN.matches().value("Anna")).usingStyle(SearchStyleEnum.POST)
                .returnBundle(Bundle.class).execute();
        return anna(found);
    }

    private String anna(Bundle found) throws Exception {
        Expect.equal("total", 1, found.getTotal());
        Patient anna = (Patient) found.getEntryFirstRep().getResource();
        Expect.equal("family", family, anna.getNameFirstRep().getFamily());
        Expect.equal("given", "Anna", anna.getNameFirstRep().getGivenAsSingleString());
        Expect.equal("birth", "1961-04-12", anna.getBirthDateElement().getValueAsString());
        Expect.equal("gender", AdministrativeGender.FEMALE, anna.getGender());
        Set<String> identifiers = anna.getIdentifier().stream().map(each -> each.getSystem() + "|" + each.getValue())
                .collect(Collectors.toSet());
        Expect.equal("identifiers", Set.of(system + "|" + annasId, other + "|" + annasOtherId), identifiers);
        Expect.equal("mode", "match", found.getEntryFirstRep().getSearch().getMode().toCode());
        return identifiers.toString();
    }

    private String pages() throws Exception {
        List<String> seen = new ArrayList<>();
        Bundle page = fhir.search().forResource(Patient.class).where(named()).count(1)
                .returnBundle(Bundle.class).execute();
        while (true) {
            Expect.equal("total", 2, page.getTotal());
            Expect.equal("entries of a page", 1, page.getEntry().size());
            seen.add(((Patient) page.getEntryFirstRep().getResource()).getNameFirstRep().getGivenAsSingleString());
            if (page.getLink(Bundle.LINK_NEXT) == null) {
                break;
            }
            Expect.that(!page.getLink(Bundle.LINK_NEXT).getUrl().contains(family), "a name in the link");
            page = fhir.loadPage().next(page).execute();
        }
        Expect.equal("persons", Set.of("Anna", "Berta"), Set.copyOf(seen));
        Expect.equal("pages", 2, seen.size());
        return seen.toString();
    }

    private String nobody() throws Exception {
        Bundle found = fhir.search().forResource(Patient.class)
                .where(Patient.FAMILY.matches().value("Nobody" + letters())).returnBundle(Bundle.class).execute();
        Expect.equal("total", 0, found.getTotal());
        Expect.equal("entries", 0, found.getEntry().size());
        return "0";
    }

    private String byIdentifier() throws Exception {
        return anna(fhir.search().forResource(Patient.class)
                .where(Patient.IDENTIFIER.exactly().systemAndIdentifier(other, annasOtherId))
                .returnBundle(Bundle.class).execute());
    }

    private String read() throws Exception {
        Patient anna = fhir.read().resource(Patient.class).withId(logicalId).execute();
        Expect.equal("id", logicalId, anna.getIdElement().getIdPart());
        Expect.equal("given", "Anna", anna.getNameFirstRep().getGivenAsSingleString());
        return anna.getId();
    }

    private String readUnknown() throws Exception {
        return Expect.refused(ResourceNotFoundException.class, "not-found",
                () -> fhir.read().resource(Patient.class).withId("999999999").execute());
    }

    private String match() throws Exception {
        Bundle found = match(asked().addParameter("count", new IntegerType(5)));
        Bundle.BundleEntryComponent first = found.getEntryFirstRep();
        Expect.equal("given", "Anna", ((Patient) first.getResource()).getNameFirstRep().getGivenAsSingleString());
        Expect.equal("grade", "certain", grade(first));
        double score = first.getSearch().getScore().doubleValue();
        Expect.that(score > 0.9 && score <= 1, "score: " + score);
        return grade(first) + " " + score;
    }

    private String certain() throws Exception {
        Bundle found = match(asked().addParameter("onlyCertainMatches", new BooleanType(true)));
        Expect.equal("entries", 1, found.getEntry().size());
        return grade(found.getEntryFirstRep());
    }

    private String matchTooLittle() throws Exception {
        Parameters asked = new Parameters();
        Patient told = new Patient();
        told.setGender(AdministrativeGender.FEMALE);
        asked.addParameter().setName("resource").setResource(told);
        return Expect.refused(InvalidRequestException.class, "too-costly", () -> match(asked));
    }

    private String resolve() throws Exception {
        put(patient(annasDouble, "Anna"), annasDouble);
        Patient ended = patient(annasDouble, "Anna");
        ended.setActive(false);
        ended.addLink().setType(Patient.LinkType.REPLACEDBY)
                .setOther(new Reference().setIdentifier(identifier(system, annasId)));
        Expect.equal("status", 200, put(ended, annasDouble).getResponseStatusCode());
        return Expect.refused(ResourceNotFoundException.class, "not-found",
                () -> crossReference(system, annasDouble, null));
    }

    private String remove() throws Exception {
        MethodOutcome outcome = fhir.delete().resourceConditionalByType(Patient.class)
                .where(Patient.IDENTIFIER.exactly().systemAndIdentifier(system, bertasId)).execute();
        Expect.equal("status", 204, outcome.getResponseStatusCode());
        return Expect.refused(ResourceNotFoundException.class, "not-found",
                () -> crossReference(system, bertasId, null));
    }

    private MethodOutcome put(Patient patient, String value) {
        return put(patient, system, value);
    }

    private MethodOutcome put(Patient patient, String domain, String value) {
        return fhir.update().resource(patient).conditional()
                .where(Patient.IDENTIFIER.exactly().systemAndIdentifier(domain, value)).execute();
    }

    private Parameters crossReference(String domain, String value, String wanted) {
        var asked = fhir.operation().onType(Patient.class).named("$ihe-pix")
                .withSearchParameter(Parameters.class, "sourceIdentifier", new TokenParam(domain, value));
        if (wanted != null) {
            asked = asked.andSearchParameter("targetSystem", new UriParam(wanted));
        }
        return asked.useHttpGet().execute();
    }

    private Bundle match(Parameters asked) {
        return fhir.operation().onType(Patient.class).named("$match").withParameters(asked)
                .returnResourceType(Bundle.class).execute();
    }

    private Parameters asked() {
        Parameters asked = new Parameters();
        asked.addParameter().setName("resource").setResource(patient(annasId, "Anna"));
        return asked;
    }

    private ICriterion<?> named() {
        return Patient.FAMILY.matches().value(family);
    }

    private Patient patient(String value, String given) {
        Patient patient = new Patient();
        patient.addIdentifier(identifier(system, value));
        patient.addName().setFamily(family).addGiven(given);
        patient.setGender(AdministrativeGender.FEMALE);
        patient.setBirthDateElement(new DateType("1961-04-12"));
        return patient;
    }

    private static Identifier identifier(String domain, String value) {
        return new Identifier().setSystem(domain).setValue(value);
    }

    private static String grade(Bundle.BundleEntryComponent entry) {
        return ((CodeType) entry.getSearch().getExtensionByUrl(GRADE).getValue()).getCode();
    }

    private static String fresh() {
        return "H" + UUID.randomUUID().toString().replace("-", "").substring(0, 14);
    }

    private static String letters() {
        return UUID.randomUUID().toString().replace("-", "").substring(0, 10).chars()
                .mapToObj(each -> String.valueOf((char) ('a' + Character.digit(each, 16))))
                .collect(Collectors.joining());
    }
}
