#include "platform/http/router.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "platform/http/route_path.hpp"
#include "platform/http/url.hpp"

namespace guildhall::http {
namespace {

constexpr std::string_view kInternal = "/internal/";

}  // namespace

/// A trie over path segments.
struct Router::Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> fixed;
    std::unique_ptr<Node> parameter;
    std::vector<std::pair<std::string, const Route*>> methods;

    const Node* find(std::string_view rest, std::vector<std::string_view>& values) const {
        if (rest.empty()) return methods.empty() ? nullptr : this;
        rest.remove_prefix(1);  // '/'
        const std::size_t end = std::min(rest.find('/'), rest.size());
        const std::string_view segment = rest.substr(0, end);
        if (const auto found = fixed.find(segment); found != fixed.end())
            if (const Node* node = found->second->find(rest.substr(end), values)) return node;
        if (!parameter || segment.empty()) return nullptr;
        values.push_back(segment);
        if (const Node* node = parameter->find(rest.substr(end), values)) return node;
        values.pop_back();
        return nullptr;
    }
};

json::Schemas& Router::schemas_for(const Route& route) {
    return route.path.starts_with(kInternal) ? internal_schemas_ : schemas_;
}

Route& Router::add(std::string_view method, std::string path) {
    auto route = std::make_unique<Route>();
    route->method = method;
    route->path = std::move(path);
    route->service = service_;
    route->idempotency_keys = keys_;
    return *routes_.emplace_back(std::move(route));
}

void Router::freeze() {
    root_ = std::make_shared<Node>();
    for (const auto& route : routes_) {
        const std::string name = route->method + " " + route->path;
        if (!route->who_is_said) throw std::logic_error(name + " does not say who may call it");
        if (route->takes_caller && route->who == Who::anyone)
            throw std::logic_error(name + " is open to anyone, but its handler needs a member");
        if (!route->takes_caller && route->who == Who::signed_in)
            throw std::logic_error(name + " is for members, but its handler takes any visitor");
        if (route->is_idempotent && route->who == Who::anyone)
            throw std::logic_error(name + " is idempotent, but keys are scoped to members");
        if (route->is_idempotent && route->handle && !route->idempotency_keys)
            throw std::logic_error(name + " is idempotent, but its service has no database for the keys");
        if (route->path.starts_with(kInternal) != (route->internal_tokens != nullptr))
            throw std::logic_error(name + " is internal by its path or by what it says, not by both");
        Node* node = root_.get();
        for (std::string_view segment : segments_of(route->path)) {
            auto& next = is_parameter(segment) ? node->parameter : node->fixed[std::string(segment)];
            if (!next) next = std::make_unique<Node>();
            node = next.get();
        }
        for (const auto& [method, other] : node->methods)
            if (method == route->method) throw std::logic_error(name + " is bound twice");
        node->methods.emplace_back(route->method, route.get());
    }
}

const Route* Router::match(std::string_view method, std::string_view path, std::vector<std::string>& values,
                           std::string& allowed) const {
    std::vector<std::string_view> raw;
    const Node* node = path.starts_with('/') ? root_->find(path, raw) : nullptr;
    if (!node) return nullptr;
    for (const auto& [name, route] : node->methods) {
        if (name != method) continue;
        values.reserve(raw.size());
        for (std::string_view segment : raw) {
            if (segment.find('%') == std::string_view::npos) {
                values.emplace_back(segment);
                continue;
            }
            auto decoded = percent_decode(segment, false);
            if (!decoded) return nullptr;
            values.push_back(std::move(*decoded));
        }
        return route;
    }
    if (node->methods.front().second->internal_tokens) return nullptr;  // not even that it exists
    for (const auto& [name, route] : node->methods) {
        allowed += name + ", ";
        if (name == "GET") allowed += "HEAD, ";
    }
    allowed += "OPTIONS";
    return nullptr;
}

namespace detail {

std::vector<std::string> path_parameter_names(std::string_view path) {
    std::vector<std::string> names;
    for (std::string_view segment : segments_of(path))
        if (is_parameter(segment)) names.emplace_back(segment.substr(1, segment.size() - 2));
    return names;
}

std::vector<std::pair<std::string, std::string>> split_query(std::string_view query, json::Faults& faults) {
    std::vector<std::pair<std::string, std::string>> out;
    const json::Place root;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (pair.empty()) continue;
        const std::size_t equals = std::min(pair.find('='), pair.size());
        auto name = percent_decode(pair.substr(0, equals), true);
        auto value = percent_decode(equals < pair.size() ? pair.substr(equals + 1) : std::string_view{}, true);
        if (!name || !value) {
            faults.add(name ? root.member(*name) : root, "encoding", "must be valid percent-encoded UTF-8");
            continue;
        }
        out.emplace_back(std::move(*name), std::move(*value));
    }
    return out;
}

std::string next_link(const Request& request, std::string_view cursor) {
    std::string link = "<?";
    std::string_view query = request.query;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (pair.empty() || pair.starts_with("cursor=")) continue;
        link += pair;
        link += '&';
    }
    link += "cursor=";
    link += cursor;  // base64url: nothing to escape
    return link + ">; rel=\"next\"";
}

}  // namespace detail
}  // namespace guildhall::http
