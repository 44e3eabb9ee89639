#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "platform/base/cursor.hpp"
#include "platform/http/problem.hpp"
#include "platform/http/route.hpp"
#include "platform/json/read.hpp"
#include "platform/json/schema.hpp"
#include "platform/json/write.hpp"

namespace guildhall::http {

namespace detail {
template <class T>
struct IsId : std::false_type {};
template <class Tag>
struct IsId<Id<Tag>> : std::true_type {};
/// What is read from the path: an id, or a textual constraint (Handle, Tag).
template <class T>
constexpr bool kFromPath = IsId<T>::value || (json::Textual<T> && !json::Described<T>) || json::Enum<T>;

template <class T>
struct Answer;

std::vector<std::string> path_parameter_names(std::string_view path);
/// Fills `out` from a query string: every fault has a pointer ("/limit"). Unknown and repeated parameters are faults.
template <json::Described Query>
void read_query(std::string_view query, Query& out, json::Faults& faults);
/// The decoded name=value pairs of a query string; a broken escape or invalid UTF-8 is a fault.
std::vector<std::pair<std::string, std::string>> split_query(std::string_view query, json::Faults& faults);
std::string next_link(const Request& request, std::string_view cursor);
}  // namespace detail

/// The routes of all services in this process. A route binds a method and a path to a member function of a service:
///
///     Task<Result<Answer>> (Service::*)(Caller or Visitor, path parameters in order…, [Body or Query])
///
/// Path parameters are ids or textual constraint types; a described struct as last argument is the body of POST, PUT
/// and PATCH, and the query of GET and DELETE. Answer: a described struct or a vector or page of them (200), Created<T>
/// (201), Accepted<T> (202), void (204), FoundOrMoved<T>, Document.
class Router {
public:
    explicit Router(std::string service = {}) : service_(std::move(service)) {}

    /// Binds a method and a path to a member function of `service`, which must live as long as the router. Without a
    /// service (null) the route is only described: it is in the documents, and cannot be called.
    template <class S, class M>
    Route& get(std::string path, S* service, M method) {
        return bind<false>("GET", std::move(path), service, method);
    }
    template <class S, class M>
    Route& post(std::string path, S* service, M method) {
        return bind<true>("POST", std::move(path), service, method);
    }
    template <class S, class M>
    Route& put(std::string path, S* service, M method) {
        return bind<true>("PUT", std::move(path), service, method);
    }
    template <class S, class M>
    Route& patch(std::string path, S* service, M method) {
        return bind<true>("PATCH", std::move(path), service, method);
    }
    template <class S, class M>
    Route& remove(std::string path, S* service, M method) {
        return bind<false>("DELETE", std::move(path), service, method);
    }

    /// The service that routes added from now on belong to ("post"), and the database that keeps its idempotency keys;
    /// null when it has no idempotent routes, or when its routes are only described.
    void set_service(std::string service, sql::Database* keys = nullptr) {
        service_ = std::move(service);
        keys_ = keys;
    }

    const std::vector<std::unique_ptr<Route>>& routes() const { return routes_; }

    /// The route of a request's path and method; the path's parameters go into `values`. Fixed segments win over
    /// parameters.
    /// Errors: not_found; `allowed` is then the comma-separated list of methods when the path exists with others (405).
    const Route* match(std::string_view method, std::string_view path, std::vector<std::string>& values,
                       std::string& allowed) const;

    /// From now on handlers run for a Call (async/call.hpp), so that what they ask of other servers has the request's
    /// id and trace and is given up `deadline` after the request came; internal requests bring their own. For processes
    /// that call others: costs a coroutine start a request.
    void carry_calls(std::chrono::milliseconds deadline) { call_deadline_ = deadline; }
    /// What was said last; nothing when handlers run for no Call.
    std::optional<std::chrono::milliseconds> call_deadline() const { return call_deadline_; }

    /// The OpenAPI 3.1 document of all routes but the internal ones.
    boost::json::object openapi() const;

    /// Builds the look-up tables; throws std::logic_error for a route that does not say who may call it, or says it
    /// against its handler's type, for two routes of the same method and path, and for a path under /internal/ that is
    /// not internal or the reverse. Once, after the last route.
    void freeze();

private:
    struct Node;
    /// With `kTakesBody`, a described struct is the body, else the query.
    template <bool kTakesBody, class S, class Out, class First, class... Args>
    Route& bind(std::string_view method, std::string path, S* service, Task<Result<Out>> (S::*member)(First, Args...));
    Route& add(std::string_view method, std::string path);
    json::Schemas& schemas_for(const Route& route);

    std::string service_;
    sql::Database* keys_ = nullptr;
    std::vector<std::unique_ptr<Route>> routes_;
    std::shared_ptr<Node> root_;
    json::Schemas schemas_;
    json::Schemas internal_schemas_;  // what no public document may name
    std::optional<std::chrono::milliseconds> call_deadline_;
};

namespace detail {

template <json::Described Query>
void read_query(std::string_view query, Query& out, json::Faults& faults) {
    const json::Place root;
    auto pairs = split_query(query, faults);
    std::vector<bool> used(pairs.size());
    json::for_each_member(out, [&](std::string_view name, auto& member) {
        bool found = false;
        for (std::size_t i = 0; i < pairs.size(); ++i) {
            if (pairs[i].first != name) continue;
            used[i] = true;
            if (found) {
                faults.add(root.member(name), "repeated", "is given more than once");
                continue;
            }
            found = true;
            json::read_text(pairs[i].second, member, root.member(name), faults);
        }
        if constexpr (!json::kIsOptional<std::remove_cvref_t<decltype(member)>>) {
            if (!found) faults.add(root.member(name), "required", "is missing");
        }
    });
    for (std::size_t i = 0; i < pairs.size(); ++i)
        if (!used[i]) faults.add(root.member(pairs[i].first), "unknown", "is not a parameter of this route");
}

/// A query of nothing.
struct NoQuery {};
BOOST_DESCRIBE_STRUCT(NoQuery, (), ())

template <class T>
void add_query_parameters(Route& route, json::Schemas& schemas) {
    boost::mp11::mp_for_each<json::MembersOf<T>>([&](auto member) {
        using Member = std::remove_cvref_t<decltype(std::declval<T>().*member.pointer)>;
        boost::json::object parameter{{"name", member.name}, {"in", "query"}, {"required", !json::kIsOptional<Member>}};
        if constexpr (requires { typename Member::value_type; } && json::detail::IsOptional<Member>::value) {
            parameter["schema"] = schemas.of<typename Member::value_type>();
        } else {
            parameter["schema"] = schemas.of<Member>();
        }
        if (parameter["schema"].as_object().contains("items")) {
            parameter["style"] = "form";
            parameter["explode"] = false;
        }
        route.parameters.push_back(std::move(parameter));
    });
}

// How each kind of answer becomes a Response, and what the document says of it.
template <class T>
struct Answer {
    static void describe(Route& route, json::Schemas& schemas) { route.answer_schema = schemas.of<T>(); }
    static Response write([[maybe_unused]] const Request& request, const T& value) {
        Response response;
        response.body.reserve(512);
        json::write(response.body, value);
        // A page that says more than Page does.
        if constexpr (requires { value.next_cursor->size(); }) {
            if (value.next_cursor) response.headers.add("Link", next_link(request, *value.next_cursor));
        }
        if constexpr (requires { requires std::integral<std::remove_cvref_t<decltype(value.version)>>; })
            response.version = value.version;
        return response;
    }
};
template <>
struct Answer<void> {
    static void describe(Route& route, json::Schemas&) {
        route.success_status = 204;
        route.answer_type.clear();
    }
};
template <class T>
struct Answer<Page<T>> {
    static void describe(Route& route, json::Schemas& schemas) { route.answer_schema = schemas.of<Page<T>>(); }
    static Response write(const Request& request, const Page<T>& page) {
        Response response;
        response.body.reserve(256 + page.items.size() * 1024);
        json::write(response.body, page);
        if (page.next_cursor) response.headers.add("Link", next_link(request, *page.next_cursor));
        return response;
    }
};
template <class T>
struct Answer<Created<T>> {
    static void describe(Route& route, json::Schemas& schemas) {
        Answer<T>::describe(route, schemas);
        route.success_status = 201;
    }
    static Response write(const Request& request, const Created<T>& created) {
        Response response = Answer<T>::write(request, created.value);
        response.status = 201;
        response.headers.add("Location", created.location);
        return response;
    }
};
template <class T>
struct Answer<Accepted<T>> {
    static void describe(Route& route, json::Schemas& schemas) {
        Answer<T>::describe(route, schemas);
        route.success_status = 202;
    }
    static Response write(const Request& request, const Accepted<T>& accepted) {
        Response response = Answer<T>::write(request, accepted.value);
        response.status = 202;
        return response;
    }
};
template <class T>
struct Answer<FoundOrMoved<T>> {
    static void describe(Route& route, json::Schemas& schemas) {
        Answer<T>::describe(route, schemas);
        route.may_move = true;
    }
    static Response write(const Request& request, const FoundOrMoved<T>& answer) {
        if (answer.value) return Answer<T>::write(request, *answer.value);
        Response response;
        response.status = 301;
        response.content_type = {};
        response.headers.add("Location", answer.location);
        return response;
    }
};
template <>
struct Answer<Document> {
    static void describe(Route& route, json::Schemas&) { route.answer_type = "application/octet-stream"; }
    static Response write(const Request&, const Document& document) {
        Response response;
        response.content_type = document.content_type;
        response.body = document.body;
        response.gzipped = document.gzipped;
        return response;
    }
};

/// Reads the argument at `Index` among the arguments behind the caller.
template <bool kTakesBody, class T>
void read_argument(const Request& request, const std::vector<std::string>& names, std::size_t index, T& out,
                   json::Faults& faults, Result<void>& body_error) {
    if constexpr (kFromPath<T>) {
        json::read_text(request.path_values[index], out, json::Place{}.member(names[index]), faults);
    } else if constexpr (kTakesBody) {
        auto body = json::from_json<T>(request.body);
        if (body) {
            out = std::move(*body);
        } else {
            body_error = body.error();
        }
    } else {
        read_query(request.query, out, faults);
    }
}

}  // namespace detail

template <bool kTakesBody, class S, class Out, class First, class... Args>
Route& Router::bind(std::string_view method, std::string path, S* service,
                    Task<Result<Out>> (S::*member)(First, Args...)) {
    static_assert(std::is_same_v<First, Caller> || std::is_same_v<First, Visitor>,
                  "a handler's first argument says who calls");
    constexpr std::size_t kPathArguments = (std::size_t{0} + ... + (detail::kFromPath<Args> ? 1 : 0));
    constexpr bool kHasStruct = kPathArguments != sizeof...(Args);
    static_assert(sizeof...(Args) - kPathArguments <= 1, "one body or query");

    Route& route = add(method, std::move(path));
    route.takes_caller = std::is_same_v<First, Caller>;
    route.rate_class = method == "GET" ? RateClass::read : RateClass::write;
    route.has_body = kHasStruct && kTakesBody;
    const std::vector<std::string> names = detail::path_parameter_names(route.path);
    json::Schemas& schemas = schemas_for(route);
    if (names.size() != kPathArguments) throw std::logic_error("path and handler disagree: " + route.path);

    std::size_t at = 0;
    auto describe_argument = [&]<class T>(std::type_identity<T>) {
        if constexpr (detail::kFromPath<T>) {
            route.parameters.push_back(boost::json::object{
                {"name", names[at++]}, {"in", "path"}, {"required", true}, {"schema", schemas.of<T>()}});
        } else if constexpr (kTakesBody) {
            route.body_schema = schemas.of<T>();
        } else {
            detail::add_query_parameters<T>(route, schemas);
        }
    };
    (describe_argument(std::type_identity<Args>{}), ...);
    detail::Answer<Out>::describe(route, schemas);

    if (service == nullptr) return route;
    route.handle = [service, member, names](Request& request) -> Task<Response> {
        std::tuple<Args...> arguments;
        json::Faults faults;
        Result<void> body_error;
        std::apply(
            [&](auto&... argument) {
                std::size_t index = 0;
                (detail::read_argument<kTakesBody>(request, names, index++, argument, faults, body_error), ...);
            },
            arguments);
        if constexpr (!kHasStruct || kTakesBody) {
            detail::NoQuery none;
            if (!request.query.empty()) detail::read_query(request.query, none, faults);
        }
        if (!faults.empty())
            co_return problem(Error{Code::invalid, "the request has faulty parameters", "", faults.take()},
                              request.context);
        if (!body_error) co_return problem(body_error.error(), request.context);

        First who{request.user, request.session, &request.context};
        Task<Result<Out>> task =
            std::apply([&](auto&... argument) { return (service->*member)(who, std::move(argument)...); }, arguments);
        Result<Out> result = co_await std::move(task);
        if (!result) co_return problem(result.error(), request.context);
        if constexpr (std::is_void_v<Out>) {
            Response empty;
            empty.status = 204;
            empty.content_type = {};
            co_return empty;
        } else {
            co_return detail::Answer<Out>::write(request, *result);
        }
    };
    return route;
}

}  // namespace guildhall::http
