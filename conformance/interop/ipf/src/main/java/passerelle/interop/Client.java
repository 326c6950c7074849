package passerelle.interop;

import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.cxf.transports.http.configuration.HTTPClientPolicy;
import org.openehealth.ipf.commons.audit.AuditContext;

/** IPF as client: one Camel route for each transaction, with IPF's validators before and after the call. */
final class Client implements AutoCloseable {
    /**
     * CXF throws away the body of an HTTP 400, the status of a fault of the sender (SOAP 1.2 part 2, 7.5.2.2),
     * unless it is asked not to; and it looks at no schema unless it is asked to.
     */
    private static final Map<String, Object> FAULTS_AND_SCHEMAS = Map.of(
            "org.apache.cxf.transport.no_io_exceptions", true,
            "schema-validation-enabled", "BOTH");
    private static final String ASTRAY = "direct:astray";
    private static final long WAIT_MILLISECONDS = 20_000;

    private final DefaultCamelContext context = new DefaultCamelContext();
    private final ProducerTemplate template;

    Client(Settings settings) throws Exception {
        context.getRegistry().bind("tls", Keys.mutualTls(settings.certificate(), settings.key(), settings.trust()));
        context.getRegistry().bind("unaudited", AuditContext.noAudit());
        context.getRegistry().bind("patience", patience());
        context.getRegistry().bind("properties", FAULTS_AND_SCHEMAS);
        for (Transaction transaction : settings.transactions()) {
            context.addRoutes(route(transaction, settings.base()));
        }
        context.addRoutes(astray(settings.base()));
        context.start();
        template = context.createProducerTemplate();
    }

    /** Sends one request; the response is valid by IPF's rules, or its exception is thrown. */
    <T> T call(Transaction transaction, Object request, Class<T> kind) throws Exception {
        return send("direct:" + transaction, request, kind);
    }

    /** Sends an ITI-43 where no ITI-43 is answered, to the registry: the exception is the SOAP fault. */
    void callAstray(Object request) throws Exception {
        send(ASTRAY, request, Object.class);
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

    private static RouteBuilder route(Transaction transaction, String base) {
        return new RouteBuilder() {
            @Override
            public void configure() {
                errorHandler(noErrorHandler());
                from("direct:" + transaction)
                        .process(transaction.requestValidator)
                        .to(uri(transaction, base + transaction.path))
                        .process(transaction.responseValidator);
            }
        };
    }

    private static RouteBuilder astray(String base) {
        return new RouteBuilder() {
            @Override
            public void configure() {
                errorHandler(noErrorHandler());
                from(ASTRAY).to(uri(Transaction.ITI_43, base + Transaction.ITI_18.path));
            }
        };
    }

    private static String uri(Transaction transaction, String address) {
        return transaction.component + "://" + address.replaceFirst("^https://", "")
                + "?secure=true&sslContextParameters=#tls&auditContext=#unaudited"
                + "&httpClientPolicy=#patience&properties=#properties";
    }

    @Override
    public void close() {
        context.stop();
    }
}
