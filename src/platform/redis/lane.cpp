#include "platform/redis/lane.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include "platform/base/metrics.hpp"
#include "platform/base/result.hpp"

namespace guildhall::redis {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kTick{20};
constexpr std::chrono::milliseconds kLeastLanePause{
    100};  // between two loads of the slots: after a move many nodes redirect at the same time
constexpr std::chrono::milliseconds kLongestLanePause{1000};
constexpr int kMaxRedirections = 5;

metrics::Counter& failures() {
    static metrics::Counter& counter =
        metrics::counter("guildhall_redis_failures_total",
                         "Commands without an answer: Redis was unavailable or too slow, or too many waited.");
    return counter;
}

// Refusals that are temporary or need an operator. For the caller they mean the same: Redis is unavailable.
// Source: Redis 7 server.c, "shared" error replies.
bool is_unavailable(const Reply& reply) {
    constexpr std::array kWords{"LOADING",    "BUSY",    "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "OOM",
                                "NOREPLICAS", "MISCONF", "NOAUTH",   "WRONGPASS",  "NOPERM",      "MOVED",    "ASK"};
    return std::ranges::any_of(kWords, [&](const char* word) { return reply.is_error(word); });
}

// The server in a redirection ("MOVED 3999 127.0.0.1:6381"). Without a host, it is that of the server that redirects.
Endpoint target_of(const std::string& redirection, const Endpoint& said_by) {
    const auto space = redirection.rfind(' ');
    const auto colon = redirection.rfind(':');
    if (space == std::string::npos || colon == std::string::npos || colon < space) return said_by;
    const auto host = redirection.substr(space + 1, colon - space - 1);
    return {host.empty() ? said_by.host : host, redirection.substr(colon + 1)};
}

std::size_t slot_in(const std::string& redirection) {
    std::size_t slot = std::string::npos;
    if (const auto space = redirection.find(' '); space != std::string::npos) {
        std::from_chars(redirection.data() + space + 1, redirection.data() + redirection.size(), slot);
    }
    return slot;
}

}  // namespace

Lane::Lane(asio::io_context& io, std::shared_ptr<const Settings> settings)
    : io_(io), settings_(std::move(settings)), tick_(io), refresh_(io) {}

Lane::~Lane() = default;

void Lane::start() {
    if (is_stopped_) return;
    if (settings_->kind == Settings::Kind::cluster) {
        slots_.assign(kSlots, kNobody);
        auto keep = [](std::shared_ptr<Lane> self) -> Task<void> { co_await self->keep_slots(); };
        asio::co_spawn(io_, keep(shared_from_this()), asio::detached);
        return;
    }
    has_slots_ = true;
    nodes_.push_back(std::make_shared<Node>(io_, settings_, Endpoint{}, locate_any(io_, settings_), *this));
    nodes_.front()->start();
    for (auto& request : std::exchange(unrouted_, {})) route(std::move(request));
}

void Lane::stop() {
    is_stopped_ = true;
    is_up_ = false;
    for (const auto& node : nodes_) node->stop();
    for (auto& request : std::exchange(unrouted_, {})) failed(std::move(request), "Redis: the client was closed");
    tick_.cancel();
    refresh_.cancel();
}

void Lane::submit(std::vector<RequestPointer> requests) {
    if (!io_.get_executor().running_in_this_thread()) {
        asio::post(io_, [self = shared_from_this(), requests = std::move(requests)]() mutable {
            self->submit(std::move(requests));
        });
        return;
    }
    for (auto& request : requests) route(std::move(request));
    waits();
}

void Lane::submit_unawaited(RequestPointer request) {
    if (io_.get_executor().running_in_this_thread()) {
        route(std::move(request));
        return waits();
    }
    if (unawaited_.fetch_add(1) >= settings_->max_waiting) {
        unawaited_.fetch_sub(1);
        return failed(std::move(request), "Redis: too many commands wait");
    }
    asio::post(io_, [self = shared_from_this(), request = std::move(request)]() mutable {
        self->unawaited_.fetch_sub(1);
        self->submit_unawaited(std::move(request));
    });
}

void Lane::route(RequestPointer request) {
    if (is_stopped_) return failed(std::move(request), "Redis: the client was closed");
    if (Node* node = node_of(request->command.slot())) return node->submit(std::move(request));
    if (has_slots_) {
        request_slots();
        return failed(std::move(request), "Redis: no node has the slot of the key");
    }
    if (!reason_.empty()) return failed(std::move(request), reason_);
    if (unrouted_.size() >= settings_->max_waiting) {
        return failed(std::move(request), "Redis: too many commands wait");
    }
    unrouted_.push_back(std::move(request));
}

Node* Lane::node_of(std::uint16_t slot) {
    if (nodes_.empty()) return nullptr;
    if (slots_.empty()) return nodes_.front().get();
    if (slot != Command::kNoSlot) return slots_[slot] == kNobody ? nullptr : nodes_[slots_[slot]].get();
    const auto up = std::ranges::find_if(nodes_, [](const auto& node) { return node->is_up(); });
    return up == nodes_.end() ? nodes_.front().get() : up->get();
}

void Lane::answered(RequestPointer request, Reply reply, Node& node) {
    if (!reply.is_error()) return request->complete({std::move(reply), std::nullopt});
    const bool may_go_on = ++request->redirections <= kMaxRedirections && !is_stopped_;
    if (settings_->kind == Settings::Kind::cluster && may_go_on && (reply.is_error("MOVED") || reply.is_error("ASK"))) {
        return redirect(std::move(request), reply, node);
    }
    if (reply.is_error("READONLY")) {  // another server became the primary; the command was not run
        node.reconnect("Redis at " + node.server().text() + " is no longer the primary");
        if (may_go_on) return route(std::move(request));
    }
    if (reply.is_error("CLUSTERDOWN")) request_slots();
    if (is_unavailable(reply)) return failed(std::move(request), "Redis: " + reply.text);
    request->complete({std::move(reply), std::nullopt});
}

void Lane::redirect(RequestPointer request, const Reply& reply, const Node& node) {
    const Endpoint server = target_of(reply.text, node.server());
    Node& target = node_at(server);
    if (reply.is_error("ASK")) {
        request->is_asking = true;
    } else {
        const std::size_t slot = slot_in(reply.text);
        const auto is_target = [&](const auto& other) { return other.get() == &target; };
        if (slot < kSlots) {
            slots_[slot] = static_cast<std::uint16_t>(std::ranges::find_if(nodes_, is_target) - nodes_.begin());
        }
        request_slots();
    }
    target.submit(std::move(request));
}

Node& Lane::node_at(const Endpoint& server) {
    for (const auto& node : nodes_) {
        if (node->server() == server) return *node;
    }
    nodes_.push_back(std::make_shared<Node>(io_, settings_, server, locate_fixed(server), *this));
    nodes_.back()->start();
    return *nodes_.back();
}

void Lane::failed(RequestPointer request, const std::string& reason) {
    failures().add();
    request->complete({{}, reason});
}

void Lane::changed() {
    note_state();
    if (!is_up_) request_slots();  // another node may have taken over
}

void Lane::note_state() {
    const bool all_up = std::ranges::all_of(nodes_, [](const auto& node) { return node->is_up(); });
    is_up_ = all_up && has_slots_ && !is_stopped_;
}

void Lane::waits() {
    if (std::exchange(is_ticking_, true)) return;
    tick_.expires_after(kTick);
    tick_.async_wait([self = shared_from_this()](boost::system::error_code error) {
        if (!error) self->tick();
    });
}

void Lane::tick() {
    is_ticking_ = false;
    const auto now = std::chrono::steady_clock::now();
    bool something_waits = false;
    // By index, because a caller whose request fails may cause a new node to be added.
    for (std::size_t i = 0; i < nodes_.size(); ++i) something_waits |= nodes_[i]->expire(now);
    while (!unrouted_.empty() && unrouted_.front()->deadline <= now) {
        RequestPointer request = std::move(unrouted_.front());
        unrouted_.pop_front();
        failed(std::move(request), "Redis: not connected in time");
    }
    if (something_waits || !unrouted_.empty()) waits();
}

void Lane::request_slots() {
    slots_requested_ = true;
    if (is_idle_) refresh_.cancel();
}

Task<void> Lane::pause(std::chrono::milliseconds duration) {
    refresh_.expires_after(duration);
    boost::system::error_code cancelled;
    co_await refresh_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

Task<void> Lane::keep_slots() {
    Backoff backoff(kLeastLanePause, kLongestLanePause);
    while (!is_stopped_) {
        slots_requested_ = false;
        if (!co_await load_slots()) {
            for (auto& request : std::exchange(unrouted_, {})) failed(std::move(request), reason_);
            co_await pause(backoff.next());
            continue;
        }
        backoff.reset();
        for (auto& request : std::exchange(unrouted_, {})) route(std::move(request));
        co_await pause(kLeastLanePause);
        while (!slots_requested_ && !is_stopped_) {
            is_idle_ = true;
            co_await pause(std::chrono::minutes(1));
            is_idle_ = false;
        }
    }
}

std::vector<Endpoint> Lane::known_servers() const {
    std::vector<Endpoint> servers;
    for (const bool wants_up : {true, false}) {
        for (const auto& node : nodes_) {
            if (node->is_up() == wants_up && !node->server().host.empty()) servers.push_back(node->server());
        }
    }
    servers.insert(servers.end(), settings_->hosts.begin(), settings_->hosts.end());
    return servers;
}

Task<bool> Lane::load_slots() {
    for (const Endpoint& server : known_servers()) {
        if (is_stopped_) co_return false;
        try {
            const auto connection = std::make_shared<Connection>(io_, settings_);
            co_await connection->open(server);
            Command question("CLUSTER");
            question.argument("SLOTS");
            const Reply table = co_await connection->ask(std::move(question));
            if (!is_stopped_ && read_slots(table, server)) co_return true;
            reason_ = "Redis at " + server.text() + ": " + (table.is_error() ? table.text : "the cluster has no slots");
        } catch (const Unavailable& failure) {
            reason_ = failure.what();
        }
    }
    if (!has_slots_) spdlog::warn("{}", reason_);
    co_return false;
}

// The table is a list of [first slot, last slot, [host, port, …] of the primary, replicas…].
bool Lane::read_slots(const Reply& table, const Endpoint& asked) {
    std::vector<std::pair<const Reply*, Endpoint>> ranges;
    for (const Reply& range : table.elements) {
        if (range.elements.size() < 3 || range.elements[2].elements.size() < 2) return false;
        const auto& primary = range.elements[2].elements;
        const auto& host = primary[0].text.empty() ? asked.host : primary[0].text;
        ranges.emplace_back(&range, Endpoint{host, std::to_string(primary[1].integer)});
    }
    if (ranges.empty()) return false;

    std::vector<std::shared_ptr<Node>> kept;
    std::vector<std::uint16_t> slots(kSlots, kNobody);
    for (const auto& [range, server] : ranges) {
        const Node* node = &node_at(server);
        auto place = std::ranges::find(kept, node, &std::shared_ptr<Node>::get);
        if (place == kept.end()) {
            const auto known = std::ranges::find(nodes_, node, &std::shared_ptr<Node>::get);
            place = kept.insert(kept.end(), *known);
        }
        const auto index = static_cast<std::uint16_t>(place - kept.begin());
        const auto first = std::clamp<std::int64_t>(range->elements[0].integer, 0, kSlots);
        const auto last = std::clamp<std::int64_t>(range->elements[1].integer, -1, kSlots - 1);
        for (auto slot = first; slot <= last; ++slot) slots[static_cast<std::size_t>(slot)] = index;
    }
    nodes_.swap(kept);
    slots_.swap(slots);
    has_slots_ = true;
    for (const auto& node : kept) {
        if (std::ranges::find(nodes_, node) == nodes_.end()) node->stop();
    }
    note_state();
    return true;
}

}  // namespace guildhall::redis
