// An OpenID provider (node-oidc-provider) for the tests, behind TLS. It hands out access tokens as JWTs by the grant
// `client_credentials`: every client is a person. SIGHUP reads its keys again: the first one signs.
//
// node provider.js SETTINGS.json
//   { port, issuer, certificate, key, keys (file of a JWKS with private keys),
//     people: { name: { secret, claims, seconds } }, audience }
"use strict";

const fs = require("node:fs");
const https = require("node:https");
const { createRequire } = require("node:module");
const path = require("node:path");

const settings = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const require_ = createRequire(path.join(settings.modules, "provider.js"));

async function provider() {
    // The package is an ES module.
    const { default: Provider } = await import(require_.resolve("oidc-provider"));
    const people = settings.people;
    const clients = Object.keys(people).map((name) => ({
        client_id: name,
        client_secret: people[name].secret,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: settings.algorithm || "ES256",
    }));
    const made = new Provider(settings.issuer, {
        clients,
        jwks: JSON.parse(fs.readFileSync(settings.keys, "utf8")),
        scopes: ["openid", "dicom", "break-glass"],
        features: {
            devInteractions: { enabled: false },
            clientCredentials: { enabled: true },
            resourceIndicators: {
                enabled: true,
                defaultResource: () => settings.resource,
                useGrantedResource: () => true,
                getResourceServerInfo: (_, resource, client) => ({
                    scope: "dicom break-glass",
                    audience: resource === settings.resource ? settings.audience : resource,
                    accessTokenFormat: "jwt",
                    accessTokenTTL: people[client.clientId].seconds || 300,
                    jwt: { sign: { alg: settings.algorithm || "ES256" } },
                }),
            },
        },
        extraTokenClaims: (_, token) => people[token.clientId].claims,
    });
    made.proxy = false;
    return made.callback();
}

let answer;

async function again() {
    answer = await provider();
    console.log("keys read");
}

async function main() {
    await again();
    process.on("SIGHUP", () => void again());
    const options = { key: fs.readFileSync(settings.key), cert: fs.readFileSync(settings.certificate) };
    const server = https.createServer(options, (asked, answered) => {
        console.log(asked.method, asked.url);
        return answer(asked, answered);
    });
    server.listen(settings.port, "127.0.0.1");
}

main().catch((fault) => {
    console.error(fault);
    process.exit(1);
});
