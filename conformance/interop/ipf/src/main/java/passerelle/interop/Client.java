package passerelle.interop;

import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.Processor;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.component.hl7.HL7MLLPNettyDecoderFactory;
import org.apache.camel.component.hl7.HL7MLLPNettyEncoderFactory;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.cxf.transports.http.configuration.HTTPClientPolicy;
import org.openehealth.ipf.commons.audit.AuditContext;

/** IPF as client: one Camel route for each transaction, with IPF's validators before and after the call. */
final class Client implements AutoCloseable {

    /** What IPF's validators of a transaction look at. */
    enum Validated {
        BOTH(true, true), REQUEST(true, false), ANSWER(false, true), NEITHER(false, false);

        private final boolean request;
        private final boolean answer;

        Validated(boolean request, boolean answer) {
            this.request = request;
            this.answer = answer;
        }
    }

    /**
     * CXF throws away the body of an HTTP 400, the status of a fault of the sender (SOAP 1.2 part 2, 7.5.2.2),
     * unless it is asked not to; and it looks at no schema unless it is asked to.
     */
    private static final Map<String, Object> FAULTS = Map.of("org.apache.cxf.transport.no_io_exceptions", true);
    private static final Map<String, Object> FAULTS_AND_SCHEMAS = Map.of(
            "org.apache.cxf.transport.no_io_exceptions", true,
            "schema-validation-enabled", "BOTH");
    private static final Processor AS_IT_IS = exchange -> {
    };
    private static final String SECURE = "?secure=true&sslContextParameters=#tls&auditContext=#unaudited";
    private static final String ASTRAY = "direct:astray";
    private static final String CONTINUED = "direct:continued";
    private static final long WAIT_MILLISECONDS = 20_000;

    private final DefaultCamelContext context = new DefaultCamelContext();
    private final ProducerTemplate template;

    Client(Settings settings) throws Exception {
        context.getRegistry().bind("tls", Keys.mutualTls(settings.certificate(), settings.key(), settings.trust()));
        context.getRegistry().bind("unaudited", AuditContext.noAudit());
        context.getRegistry().bind("hl7encoder", new HL7MLLPNettyEncoderFactory());
        context.getRegistry().bind("hl7decoder", new HL7MLLPNettyDecoderFactory());
        context.getRegistry().bind("patience", patience());
        context.getRegistry().bind("faults", FAULTS);
        context.getRegistry().bind("faultsAndSchemas", FAULTS_AND_SCHEMAS);
        for (Transaction transaction : settings.transactions()) {
            context.addRoutes(route(transaction, uri(transaction, settings)));
        }
        context.addRoutes(continued(settings));
        context.addRoutes(astray(settings));
        context.start();
        template = context.createProducerTemplate();
    }

    /** Sends one request; the response is valid by IPF's rules, or its exception is thrown. */
    <T> T call(Transaction transaction, Object request, Class<T> kind) throws Exception {
        return send(entrance(transaction, Validated.BOTH), request, kind);
    }

    /** Sends an ITI-43 where no ITI-43 is answered, to the registry: the exception is the SOAP fault. */
    void callAstray(Object request) throws Exception {
        send(ASTRAY, request, Object.class);
    }

    /** The same, with less validated: for messages that IPF's validators have a wrong profile of. */
    <T> T call(Transaction transaction, Validated validated, Object request, Class<T> kind) throws Exception {
        return send(entrance(transaction, validated), request, kind);
    }

    /** ITI-47 with IPF's own continuation: fetches all parts, validates each, cancels, gives one answer. */
    String callContinued(String request) throws Exception {
        return send(CONTINUED, request, String.class);
    }

    private <T> T send(String route, Object request, Class<T> kind) throws Exception {
        Exchange exchange = template.request(route, each -> each.getIn().setBody(request));
        if (exchange.getException() != null) {
            throw exchange.getException();
        }
        return exchange.getMessage().getMandatoryBody(kind);
    }

    private static HTTPClientPolicy patience() {
        HTTPClientPolicy policy = new HTTPClientPolicy();
        policy.setConnectionTimeout(WAIT_MILLISECONDS);
        policy.setReceiveTimeout(WAIT_MILLISECONDS);
        return policy;
    }

    private static RouteBuilder route(Transaction transaction, String uri) {
        return new RouteBuilder() {
            @Override
            public void configure() {
                errorHandler(noErrorHandler());
                for (Validated validated : Validated.values()) {
                    from(entrance(transaction, validated))
                            .process(validated.request ? transaction.requestValidator : AS_IT_IS)
                            .to(uri)
                            .process(validated.answer ? transaction.responseValidator : AS_IT_IS);
                }
            }
        };
    }

    private static String entrance(Transaction transaction, Validated validated) {
        return "direct:" + transaction + "-" + validated;
    }

    private static RouteBuilder continued(Settings settings) {
        return new RouteBuilder() {
            @Override
            public void configure() {
                errorHandler(noErrorHandler());
                from(CONTINUED)
                        .process(Transaction.ITI_47.requestValidator)
                        .to(uri(Transaction.ITI_47, settings)
                                + "&supportContinuation=true&autoCancel=true&validationOnContinuation=true")
                        .process(Transaction.ITI_47.responseValidator);
            }
        };
    }

    private static RouteBuilder astray(Settings settings) {
        return new RouteBuilder() {
            @Override
            public void configure() {
                errorHandler(noErrorHandler());
                from(ASTRAY).to(soap(Transaction.ITI_43, settings.base() + Transaction.ITI_18.path));
            }
        };
    }

    private static String uri(Transaction transaction, Settings settings) {
        if (transaction.isHl7v2()) {
            return transaction.component + "://" + settings.mllp() + SECURE + transaction.options();
        }
        return soap(transaction, settings.base() + transaction.path);
    }

    private static String soap(Transaction transaction, String address) {
        return transaction.component + "://" + address.replaceFirst("^https://", "") + SECURE
                + "&httpClientPolicy=#patience&properties=#"
                + (transaction.isHl7v3() ? "faults" : "faultsAndSchemas");
    }

    @Override
    public void close() {
        context.stop();
    }
}
