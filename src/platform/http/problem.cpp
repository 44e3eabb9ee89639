#include "platform/http/problem.hpp"

#include <boost/describe/class.hpp>

#include "platform/json/write.hpp"

namespace guildhall {
BOOST_DESCRIBE_STRUCT(Fault, (), (pointer, code, detail))
}

namespace guildhall::http {
namespace {

std::string_view title_of(Code code) {
    switch (code) {
    case Code::invalid: return "Bad request";
    case Code::unauthenticated: return "Not signed in";
    case Code::forbidden: return "Refused";
    case Code::not_found: return "Not found";
    case Code::conflict: return "Conflict";
    case Code::gone: return "Deleted";
    case Code::precondition_failed: return "Precondition failed";
    case Code::too_large: return "Too large";
    case Code::unsupported_media: return "Unsupported media type";
    case Code::unprocessable: return "Cannot be processed";
    case Code::too_many_requests: return "Too many requests";
    case Code::unavailable: return "Temporarily unavailable";
    case Code::insufficient_storage: return "Storage is full";
    }
    return "Error";
}

void write_member(std::string& out, std::string_view name, std::string_view value) {
    out += ",\"";
    out += name;
    out += "\":";
    json::write_string(out, value);
}

Response render(int status, std::string_view title, std::string_view code, const Error& error,
                const RequestContext& request) {
    Response response;
    response.status = status;
    response.content_type = "application/problem+json";
    std::string& out = response.body;
    out = "{\"type\":\"/docs/problems#";
    out += code;
    out += '"';
    write_member(out, "title", title);
    out += ",\"status\":";
    json::write(out, status);
    write_member(out, "detail", error.detail);
    if (!request.path.empty()) write_member(out, "instance", request.path);
    write_member(out, "code", code);
    if (!error.errors.empty()) {
        out += ",\"errors\":";
        json::write(out, error.errors);
    }
    write_member(out, "request_id", request.request_id);
    out += '}';
    if (error.retry_after) response.headers.add("Retry-After", std::to_string(error.retry_after->count()));
    return response;
}

}  // namespace

int status_of(Code code) {
    switch (code) {
    case Code::invalid: return 400;
    case Code::unauthenticated: return 401;
    case Code::forbidden: return 403;
    case Code::not_found: return 404;
    case Code::conflict: return 409;
    case Code::gone: return 410;
    case Code::precondition_failed: return 412;
    case Code::too_large: return 413;
    case Code::unsupported_media: return 415;
    case Code::unprocessable: return 422;
    case Code::too_many_requests: return 429;
    case Code::unavailable: return 503;
    case Code::insufficient_storage: return 507;
    }
    return 500;
}

Response problem(const Error& error, const RequestContext& request) {
    const std::string_view code = error.problem.empty() ? json::name_of(error.code) : std::string_view(error.problem);
    Response response = render(status_of(error.code), title_of(error.code), code, error, request);
    if (error.code == Code::unauthenticated) response.headers.add("WWW-Authenticate", "Bearer");
    if ((error.code == Code::unavailable || error.code == Code::too_many_requests) && !error.retry_after)
        response.headers.add("Retry-After", "1");
    return response;
}

Response problem(const Refusal& refusal, const RequestContext& request) {
    Error error{Code::invalid, refusal.detail};
    if (refusal.status == 429 || refusal.status == 503) error.retry_after = std::chrono::seconds(1);
    return render(refusal.status, "Request refused", refusal.code, error, request);
}

Response internal_error(const RequestContext& request) {
    return render(500, "Internal error", "internal",
                  Error{Code::unavailable, "something went wrong; the log has the cause under this request id"},
                  request);
}

}  // namespace guildhall::http
