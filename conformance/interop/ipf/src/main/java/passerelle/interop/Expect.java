package passerelle.interop;

import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.openehealth.ipf.commons.ihe.xds.core.responses.ErrorCode;
import org.openehealth.ipf.commons.ihe.xds.core.responses.ErrorInfo;
import org.openehealth.ipf.commons.ihe.xds.core.responses.Response;
import org.openehealth.ipf.commons.ihe.xds.core.responses.Severity;
import org.openehealth.ipf.commons.ihe.xds.core.responses.Status;

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

    /** The same members, in any order. */
    static void sameSet(String what, Collection<String> expected, Collection<String> found)
            throws UnexpectedException {
        equal(what, new TreeSet<>(expected), new TreeSet<>(found));
        equal("number of " + what, expected.size(), found.size());
    }

    /** Success, and no error beside it. */
    static <T extends Response> T success(T response) throws UnexpectedException {
        equal("status (" + told(response) + ")", Status.SUCCESS, response.getStatus());
        List<ErrorInfo> errors = response.getErrors().stream()
                .filter(each -> each.getSeverity() == Severity.ERROR).toList();
        that(errors.isEmpty(), "success with errors: " + errors);
        return response;
    }

    /** Failure with an error of a code; gives the detail for the report. */
    static String failure(ErrorCode code, Response response) throws UnexpectedException {
        return refused(Status.FAILURE, code, response);
    }

    /** Partial success with an error of a code. */
    static String partial(ErrorCode code, Response response) throws UnexpectedException {
        return refused(Status.PARTIAL_SUCCESS, code, response);
    }

    private static String refused(Status status, ErrorCode code, Response response) throws UnexpectedException {
        equal("status (" + told(response) + ")", status, response.getStatus());
        Set<String> codes = new TreeSet<>();
        response.getErrors().forEach(each -> codes.add(String.valueOf(each.getErrorCode())));
        that(codes.contains(code.toString()), "expected " + code + ", found " + told(response));
        return told(response);
    }

    private static String told(Response response) {
        return String.join("; ", response.getErrors().stream()
                .map(each -> each.getErrorCode() + " " + each.getSeverity() + ": " + each.getCodeContext()).toList());
    }
}
