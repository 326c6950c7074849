package passerelle.fhir;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.parser.StrictErrorHandler;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.client.api.ServerValidationModeEnum;
import ca.uhn.fhir.rest.client.interceptor.BearerTokenAuthInterceptor;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import org.apache.http.impl.client.HttpClients;

/** HAPI's generic client: mutual TLS, bearer token, strict parsing, capabilities looked at before all else. */
final class Client {
    private final FhirContext context = FhirContext.forR4();
    private final Validity validity = new Validity(context);
    private final Settings settings;
    private final String token;

    Client(Settings settings) throws Exception {
        this.settings = settings;
        token = Files.readString(settings.token(), StandardCharsets.US_ASCII).strip();
        context.setParserErrorHandler(new StrictErrorHandler());
        context.getRestfulClientFactory().setServerValidationMode(ServerValidationModeEnum.ONCE);
        context.getRestfulClientFactory().setHttpClient(HttpClients.custom()
                .setSSLContext(Keys.mutualTls(settings.certificate(), settings.key(), settings.trust())).build());
    }

    IGenericClient in(EncodingEnum encoding) {
        IGenericClient client = context.newRestfulGenericClient(settings.base());
        client.setEncoding(encoding);
        client.registerInterceptor(new BearerTokenAuthInterceptor(token));
        client.registerInterceptor(validity);
        return client;
    }

    Settings settings() {
        return settings;
    }

    Validity validity() {
        return validity;
    }
}
