package passerelle.fhir;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.interceptor.api.Hook;
import ca.uhn.fhir.interceptor.api.Interceptor;
import ca.uhn.fhir.interceptor.api.Pointcut;
import ca.uhn.fhir.rest.client.api.IHttpResponse;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.r4.model.StructureDefinition;
import org.hl7.fhir.r4.model.StructureDefinition.TypeDerivationRule;

/** Keeps every answer as it came, and has HAPI's validator of instances look at it, by the definitions of FHIR R4. */
@Interceptor
public final class Validity {
    private static final String CORE = "http://hl7.org/fhir/StructureDefinition/";
    private static final Map<String, String> CLAIMED = Map.of(
            "https://profiles.ihe.net/ITI/PDQm/StructureDefinition/IHE.PDQm.Patient", "Patient",
            "https://profiles.ihe.net/ITI/PIXm/StructureDefinition/IHE.PIXm.Query.Parameters.Out", "Parameters");
    private final FhirValidator validator;
    private final List<String> answers = new ArrayList<>();
    private int validated;

    Validity(FhirContext context) {
        DefaultProfileValidationSupport standard = new DefaultProfileValidationSupport(context);
        ValidationSupportChain support = new ValidationSupportChain(
                standard,
                claimed(context, standard),
                new CommonCodeSystemsTerminologyService(context),
                new InMemoryTerminologyServerValidationSupport(context));
        FhirInstanceValidator module = new FhirInstanceValidator(support);
        module.setAnyExtensionsAllowed(true);
        validator = context.newValidator().registerValidatorModule(module);
    }

    /** Profiles that answers claim and that HAPI does not have: here they say what FHIR R4 says of the resource. */
    private static PrePopulatedValidationSupport claimed(FhirContext context, IValidationSupport standard) {
        PrePopulatedValidationSupport profiles = new PrePopulatedValidationSupport(context);
        CLAIMED.forEach((url, resource) -> {
            StructureDefinition base = (StructureDefinition) standard.fetchStructureDefinition(CORE + resource);
            StructureDefinition profile = base.copy();
            profile.setUrl(url).setBaseDefinition(CORE + resource).setDerivation(TypeDerivationRule.CONSTRAINT);
            profiles.addStructureDefinition(profile);
        });
        return profiles;
    }

    /** Called by HAPI for each response. */
    @Hook(Pointcut.CLIENT_RESPONSE)
    public void received(IHttpResponse response) throws IOException {
        response.bufferEntity();
        try (InputStream body = response.readEntity()) {
            String text = body == null ? "" : new String(body.readAllBytes(), StandardCharsets.UTF_8);
            if (!text.isBlank()) {
                answers.add(text);
            }
        }
    }

    /** All answers since the last time are valid, or the exception tells what is not. */
    void check() throws Expect.UnexpectedException {
        List<String> now = List.copyOf(answers);
        answers.clear();
        for (String answer : now) {
            List<String> errors = validator.validateWithResult(answer).getMessages().stream()
                    .filter(each -> each.getSeverity().ordinal() >= ResultSeverityEnum.ERROR.ordinal())
                    .map(Validity::told).toList();
            Expect.that(errors.isEmpty(), "not valid: " + errors);
            validated++;
        }
    }

    int validated() {
        return validated;
    }

    private static String told(SingleValidationMessage message) {
        return message.getLocationString() + ": " + message.getMessage();
    }
}
