#include <boost/json/serialize.hpp>

#include "platform/http/problem.hpp"
#include "platform/http/router.hpp"

namespace guildhall::http {
namespace {

namespace bj = boost::json;

std::string operation_id(const Route& route) {
    std::string id = route.method == "DELETE" ? "delete" : route.method;
    for (char& c : id) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (char c : route.path) id += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
    return id;
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
    if (route.answer_type == "application/json") media["schema"] = route.answer_schema;
    success["content"] = bj::object{{route.answer_type, media}};
    bj::object headers;
    if (route.has_etag) headers["ETag"] = bj::object{{"schema", {{"type", "string"}}}};
    if (route.success_status == 201) headers["Location"] = bj::object{{"schema", {{"type", "string"}}}};
    if (!headers.empty()) success["headers"] = std::move(headers);
    return success;
}

bj::object operation_of(const Route& route) {
    bj::array parameters = route.parameters;
    const auto header = [&](const char* name, const char* text) {
        parameters.push_back(bj::object{{"name", name},
                                        {"in", "header"},
                                        {"required", false},
                                        {"description", text},
                                        {"schema", {{"type", "string"}, {"maxLength", 255}}}});
    };
    if (route.is_idempotent) header("Idempotency-Key", "1 to 255 visible ASCII characters; kept 24 hours");
    if (route.has_etag) header("If-None-Match", "304 when the answer still has this ETag");
    if (route.takes_if_match) header("If-Match", "412 when the resource has another version");

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

    bj::object operation{{"operationId", operation_id(route)},
                         {"summary", route.text},
                         {"tags", {route.service}},
                         {"parameters", std::move(parameters)},
                         {"responses", std::move(responses)}};
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
