#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/describe/enum.hpp>
#include <boost/json/object.hpp>

#include "platform/async/task.hpp"
#include "platform/base/id.hpp"
#include "platform/http/caller.hpp"
#include "platform/http/response.hpp"

namespace guildhall::sql {
class Database;
}

namespace guildhall::http {

class InternalTokens;
class Route;

/// Who may call a route. Finer rules (author, member, connection) are the service's.
enum class Who { anyone, signed_in };

/// Which rate limit counts the calls of a route.
enum class RateClass { read, write, auth };
BOOST_DESCRIBE_ENUM(RateClass, read, write, auth)

/// A parsed request on its way into a route's handler. The views point into the socket's buffers.
struct Request {
    const Route* route = nullptr;  // null: no route takes it
    UserId user;                   // 0: not signed in
    SessionId session;
    RequestContext context;
    std::string_view body;
    std::string_view query;                // behind '?', still encoded
    std::vector<std::string> path_values;  // decoded, in the order of the path's parameters
};

/// What a route is: data, for the router, the OpenAPI document, the gateway's configuration and the authorisation
/// tests.
class Route {
public:
    /// Who may call it; each route says one of both.
    Route& signed_in();
    Route& anyone();
    /// Only for other services of ours, under /internal/: answers callers that hold one of `tokens` for its service,
    /// and 404 to all others; has no rate limit and is in no public document. The handler's Visitor is the member for
    /// whom the caller acts, or nobody.
    Route& internal(const InternalTokens& tokens);
    /// The route takes an Idempotency-Key; its answers are kept in the database of its service (Router::set_service).
    Route& idempotent();
    /// Answers carry an ETag, and If-None-Match is honoured.
    Route& etag();
    /// The route honours If-Match against the version in the ETag.
    Route& if_match();
    Route& rate(RateClass rate_class);
    /// No rate limit counts its calls: probes come often, and share their address with others.
    Route& unlimited();
    /// What it does, in words: a clause, and after "; " or ": " what is good to know besides.
    Route& summary(std::string text);
    /// The name by which clients know the operation, a verb and a noun: "followUser". Without it, the document makes
    /// one of method and path.
    Route& named(std::string name);
    /// The media type of a Document.
    Route& produces(std::string media_type);
    /// A documented refusal besides those that every route has.
    Route& may_fail(Code code, std::string when);

    // Filled by the router and the builders above; read by it and the documents.
    std::string method;
    std::string path;
    std::string service;
    std::string text;
    std::string name;  // empty: the document makes it
    Who who = Who::signed_in;
    bool who_is_said = false;
    bool takes_caller = false;  // the handler needs a signed-in member
    RateClass rate_class = RateClass::read;
    bool is_unlimited = false;
    const InternalTokens* internal_tokens = nullptr;
    bool is_idempotent = false;
    sql::Database* idempotency_keys = nullptr;  // of its service; null when the route is only described
    bool has_etag = false;
    bool takes_if_match = false;
    bool has_body = false;
    int success_status = 200;
    bool may_move = false;
    std::string answer_type = "application/json";
    boost::json::object body_schema;
    boost::json::object answer_schema;
    boost::json::array parameters;  // OpenAPI parameter objects of path and query
    std::vector<std::pair<Code, std::string>> failures;
    std::function<Task<Response>(Request&)> handle;  // none when the route is only described
};

}  // namespace guildhall::http
