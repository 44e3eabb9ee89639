#include <algorithm>
#include <cctype>
#include <set>

#include <boost/json/object.hpp>

#include "platform/http/entity_tag.hpp"
#include "platform/http/problem.hpp"
#include "platform/http/route_path.hpp"
#include "platform/http/router.hpp"

namespace guildhall::http {
namespace {

namespace bj = boost::json;

bool is_page(const Route& route) {
    if (const auto* type = route.answer_schema.if_contains("type")) return *type == "array";
    const auto* reference = route.answer_schema.if_contains("$ref");
    return reference && reference->as_string().ends_with("Page");
}

// "replies" → "reply", "posts" → "post".
std::string singular(std::string_view word) {
    if (word.ends_with("ies")) return std::string(word.substr(0, word.size() - 3)) + "y";
    if (word.ends_with('s') && !word.ends_with("ss")) word.remove_suffix(1);
    return std::string(word);
}

// "network-settings" → "NetworkSettings".
std::string capitalized(std::string_view words) {
    std::string out;
    bool begins = true;
    for (const char c : words) {
        const bool is_letter = std::isalnum(static_cast<unsigned char>(c)) != 0;
        if (is_letter) out += begins ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
        begins = !is_letter;
    }
    return out;
}

// A verb and nouns of method and path: "POST /v1/posts/{post_id}/comments" → "createPostComment", and for an action
// "POST /v1/invitations/{invitation_id}/accept" → "acceptInvitation".
std::string operation_id(const Route& route) {
    if (!route.name.empty()) return route.name;
    std::string nouns;
    std::string last;
    const std::vector<std::string_view> segments = segments_of(route.path);
    for (std::size_t i = 0; i < segments.size(); ++i) {
        if (segments[i] == "v1" || segments[i] == "auth" || is_parameter(segments[i])) continue;
        nouns += capitalized(last);
        const bool is_one = i + 1 < segments.size() && is_parameter(segments[i + 1]);
        last = segments[i] == "me" ? "my" : is_one ? singular(segments[i]) : std::string(segments[i]);
        // "/v1/users/me/blocks" are "my blocks", and "/v1/users/me" is "my user".
        if (last == "my") {
            nouns.clear();
            if (i + 1 == segments.size()) last = "my-" + singular(segments[i - 1]);
        }
    }
    if (route.method == "POST" && !nouns.empty() && !last.ends_with('s')) {
        std::string verb = capitalized(last);
        verb.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(verb.front())));
        return verb + nouns;
    }
    const bool is_created = route.method == "POST";
    const std::string_view verb = is_created                ? "create"
                                  : route.method == "PATCH" ? "update"
                                  : route.method == "PUT"   ? "set"
                                  : route.method != "GET"   ? "delete"
                                  : is_page(route)          ? "list"
                                                            : "get";
    return std::string(verb) + nouns + capitalized(is_created ? singular(last) : last);
}

// What is to be done, without what is good to know besides.
std::string_view summary_of(const Route& route) {
    const std::string_view text = route.text;
    return text.substr(0, std::min({text.find("; "), text.find(": "), text.size()}));
}

std::string description_of(const Route& route) {
    std::string out = route.text + ".";
    out += route.who == Who::signed_in ? " Needs an access token." : " An access token is optional.";
    if (is_page(route) && !route.answer_schema.contains("type"))
        out += " The answer is a page; `next_cursor` is the `cursor` of the next one, or null.";
    if (route.is_idempotent) out += " With an `Idempotency-Key` it can be repeated safely.";
    if (!route.is_unlimited)
        out += " Counts as `" + std::string(json::name_of(route.rate_class)) + "` in the rate limits.";
    return out;
}

// Adds the names of the schemas that `value` leads to.
void collect_named(const bj::value& value, const bj::object& named, std::set<std::string>& found) {
    if (const auto* list = value.if_array()) {
        for (const bj::value& item : *list) collect_named(item, named, found);
    } else if (const auto* object = value.if_object()) {
        for (const auto& entry : *object) {
            collect_named(entry.value(), named, found);
            if (entry.key() != "$ref") continue;
            const std::string_view reference = entry.value().as_string();
            const std::string name(reference.substr(std::string_view("#/components/schemas/").size()));
            if (found.insert(name).second) collect_named(named.at(name), named, found);
        }
    }
}

// Removes `additionalProperties: false` from what answers hold: a later version may add fields, and clients must not
// fail then.
void open_answers(const std::vector<std::unique_ptr<Route>>& routes, bj::object& named) {
    std::set<std::string> answered;
    for (const auto& route : routes)
        if (!route->internal_tokens) collect_named(route->answer_schema, named, answered);
    for (const std::string& name : answered) {
        auto& schema = named.at(name).as_object();
        // A map has a schema here, which stays.
        if (const auto* further = schema.if_contains("additionalProperties"); further && further->is_bool())
            schema.erase("additionalProperties");
    }
}

bj::object problem_schema() {
    const bj::object text{{"type", "string"}};
    const bj::object fault{
        {"type", "object"},
        {"properties",
         {{"pointer", {{"type", "string"}, {"description", "JSON pointer (RFC 6901) of the faulty field"}}},
          {"code", text},
          {"detail", text}}},
        {"required", {"pointer", "code", "detail"}}};
    return {{"type", "object"},
            {"description", "Problem details (RFC 9457)"},
            {"properties",
             {{"type", text},
              {"title", text},
              {"status", {{"type", "integer"}}},
              {"detail", text},
              {"instance", {{"type", "string"}, {"description", "the path of the request"}}},
              {"code", {{"type", "string"}, {"description", "stable, for programs"}}},
              {"errors", {{"type", "array"}, {"items", fault}}},
              {"request_id", text}}},
            {"required", {"type", "title", "status", "detail", "code", "request_id"}}};
}

void add_failure(bj::object& responses, Code code, std::string_view when) {
    const std::string status = std::to_string(status_of(code));
    if (auto* known = responses.if_contains(status)) {
        auto& description = known->as_object()["description"].as_string();
        description += "; ";
        description += when;
        return;
    }
    responses[status] = bj::object{
        {"description", when},
        {"content", {{"application/problem+json", {{"schema", {{"$ref", "#/components/schemas/Problem"}}}}}}}};
}

bj::object success_of(const Route& route) {
    bj::object success{{"description", route.success_status == 204   ? "Done"
                                       : route.success_status == 201 ? "Created"
                                                                     : "OK"}};
    if (route.answer_type.empty()) return success;
    bj::object media;
    if (!route.answer_schema.empty())
        media["schema"] = route.answer_schema;
    else
        media["schema"] = bj::object{{"type", route.answer_type.ends_with("json") ? "object" : "string"}};
    success["content"] = bj::object{{route.answer_type, media}};
    bj::object headers;
    if (route.has_etag) headers["ETag"] = bj::object{{"schema", {{"type", "string"}}}};
    if (route.success_status == 201) headers["Location"] = bj::object{{"schema", {{"type", "string"}}}};
    if (!headers.empty()) success["headers"] = std::move(headers);
    return success;
}

bj::object operation_of(const Route& route) {
    bj::array parameters = route.parameters;
    const auto header = [&](const char* name, const char* text, const char* pattern) {
        parameters.push_back(bj::object{{"name", name},
                                        {"in", "header"},
                                        {"required", false},
                                        {"description", text},
                                        {"schema", {{"type", "string"}, {"pattern", pattern}}}});
    };
    if (route.is_idempotent)
        header("Idempotency-Key", "1 to 255 visible ASCII characters; kept 24 hours", "^[!-~]{1,255}$");
    if (route.has_etag)
        header("If-None-Match", "304 when the answer still has one of these ETags", EntityTags::kPattern);
    if (route.takes_if_match) header("If-Match", "412 when the resource has another version", EntityTags::kPattern);

    bj::object responses;
    responses[std::to_string(route.success_status)] = success_of(route);
    if (route.may_move) responses["301"] = bj::object{{"description", "It is at Location now"}};
    if (route.has_etag) responses["304"] = bj::object{{"description", "Not modified"}};
    add_failure(responses, Code::invalid, "faulty request, with the fields in errors");
    if (route.who == Who::signed_in)
        add_failure(responses, Code::unauthenticated, "not signed in");
    else if (!route.takes_caller)
        add_failure(responses, Code::unauthenticated, "a token was sent, but it is not valid");
    if (!route.parameters.empty() && route.path.find('{') != std::string::npos)
        add_failure(responses, Code::not_found, "absent, or hidden from the caller");
    if (route.has_body) {
        add_failure(responses, Code::too_large, "body too large");
        add_failure(responses, Code::unsupported_media, "not application/json");
    }
    if (route.is_idempotent) {
        add_failure(responses, Code::conflict, "a request with this key is still running");
        add_failure(responses, Code::unprocessable, "the key was used for another request");
    }
    if (route.takes_if_match) add_failure(responses, Code::precondition_failed, "If-Match names another version");
    if (!route.is_unlimited) add_failure(responses, Code::too_many_requests, "rate limit; see Retry-After");
    add_failure(responses, Code::unavailable, "a dependency is unavailable; see Retry-After");
    if (route.method != "GET")
        add_failure(responses, Code::insufficient_storage, "the disk is full; nothing was changed");
    for (const auto& [code, when] : route.failures) add_failure(responses, code, when);

    bj::object operation{{"operationId", operation_id(route)},   {"summary", summary_of(route)},
                         {"description", description_of(route)}, {"tags", {route.service}},
                         {"parameters", std::move(parameters)},  {"responses", std::move(responses)}};
    if (!route.is_unlimited) operation["x-rate-class"] = json::name_of(route.rate_class);
    operation["security"] = route.who == Who::signed_in ? bj::array{bj::object{{"bearer", bj::array{}}}}
                                                        : bj::array{bj::object{}, bj::object{{"bearer", bj::array{}}}};
    if (route.has_body)
        operation["requestBody"] =
            bj::object{{"required", true}, {"content", {{"application/json", {{"schema", route.body_schema}}}}}};
    return operation;
}

}  // namespace

bj::object Router::openapi() const {
    bj::object paths;
    for (const auto& route : routes_) {
        if (route->internal_tokens) continue;
        std::string method = route->method;
        for (char& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        auto& path = paths[route->path];
        if (!path.is_object()) path = bj::object{};
        path.as_object()[method] = operation_of(*route);
    }
    bj::object schemas = schemas_.named();
    open_answers(routes_, schemas);
    schemas["Problem"] = problem_schema();
    return {{"openapi", "3.1.0"},
            {"info",
             {{"title", "Guildhall"},
              {"version", "1"},
              {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
            {"servers", {bj::object{{"url", "/"}}}},
            {"paths", std::move(paths)},
            {"components",
             {{"schemas", std::move(schemas)},
              {"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}}}}}}}};
}

}  // namespace guildhall::http
