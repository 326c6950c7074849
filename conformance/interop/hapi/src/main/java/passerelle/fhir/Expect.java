package passerelle.fhir;

import ca.uhn.fhir.rest.server.exceptions.BaseServerResponseException;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.hl7.fhir.r4.model.OperationOutcome;

/** What an answer has to be. */
final class Expect {

    /** The system answered something else than it had to. */
    static final class UnexpectedException extends Exception {
        UnexpectedException(String text) {
            super(text);
        }
    }

    private Expect() {
    }

    static void that(boolean holds, String otherwise) throws UnexpectedException {
        if (!holds) {
            throw new UnexpectedException(otherwise);
        }
    }

    static void equal(String what, Object expected, Object found) throws UnexpectedException {
        that(Objects.equals(expected, found), what + ": expected " + expected + ", found " + found);
    }

    /** Refused with an exception of HAPI, which stands for the status, and an OperationOutcome of a code. */
    static String refused(Class<? extends BaseServerResponseException> kind, String code, Callable<?> call)
            throws Exception {
        try {
            call.call();
        } catch (BaseServerResponseException error) {
            equal("exception", kind, error.getClass());
            that(error.getOperationOutcome() instanceof OperationOutcome, "no OperationOutcome: " + error);
            OperationOutcome outcome = (OperationOutcome) error.getOperationOutcome();
            equal("issue", code, outcome.getIssueFirstRep().getCode().toCode());
            return error.getStatusCode() + " " + outcome.getIssueFirstRep().getDiagnostics();
        }
        throw new UnexpectedException("nothing was refused");
    }
}
