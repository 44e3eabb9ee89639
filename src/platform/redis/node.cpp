#include "platform/redis/node.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include "platform/base/metrics.hpp"
#include "platform/base/result.hpp"

namespace guildhall::redis {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kFirstNodePause{50};
constexpr std::chrono::milliseconds kLongestNodePause{1000};

metrics::Gauge& connections() {
    static metrics::Gauge& gauge = metrics::gauge("guildhall_redis_connections", "Connections to Redis.");
    return gauge;
}

}  // namespace

Node::Node(asio::io_context& io, std::shared_ptr<const Settings> settings, Endpoint server, Locate locate, Owner& owner)
    : io_(io),
      settings_(std::move(settings)),
      locate_(std::move(locate)),
      owner_(&owner),
      server_(std::move(server)),
      wake_(io),
      backoff_(kFirstNodePause, kLongestNodePause) {}

Node::~Node() {
    if (connection_) connections().add(-1);
}

void Node::start() {
    auto running = [](std::shared_ptr<Node> self) -> Task<void> { co_await self->run(); };
    asio::co_spawn(io_, running(shared_from_this()), asio::detached);
}

void Node::stop() {
    if (owner_ == nullptr) return;
    const std::string reason = "Redis: the connection is not needed any more";
    lose(reason, State::down);
    fail_all(reason);  // the requests that wait for a connection
    owner_ = nullptr;
    wake_.cancel();
}

Task<void> Node::run() {
    while (owner_ != nullptr) {
        if (!co_await connect()) {
            co_await pause(backoff_.next());
            continue;
        }
        while (connection_) {
            is_quiet_ = true;
            co_await pause(settings_->ping_interval);
            if (!connection_ || !is_quiet_ || !in_flight_.empty()) continue;
            send(std::make_unique<Request>(
                Request{Command("PING"), std::chrono::steady_clock::now() + settings_->command_deadline, nullptr}));
            owner_->waits();
        }
        // Immediately only if it worked before: a server that accepts and then fails must not be called in a tight
        // loop.
        if (!has_answered_) co_await pause(backoff_.next());
    }
}

Task<bool> Node::connect() {
    std::string reason;
    try {
        Endpoint server = co_await locate_();
        auto connection = std::make_shared<Connection>(io_, settings_);
        co_await connection->open(server);
        if (owner_ == nullptr) co_return false;
        if (state_ == State::down) spdlog::info("Redis at {} is available again", server.text());
        server_ = std::move(server);
        connection_ = std::move(connection);
        has_answered_ = false;
        state_ = State::up;
        connections().add(1);
        const auto weak = weak_from_this();
        connection_->start(
            [weak](Reply reply) {
                if (const auto self = weak.lock()) self->take(std::move(reply));
            },
            [weak](const std::string& why) {
                if (const auto self = weak.lock()) self->lose(why, State::connecting);
            });
        for (auto& request : std::exchange(queue_, {})) send(std::move(request));
        owner_->changed();
        co_return true;
    } catch (const Unavailable& failure) {
        reason = failure.what();
    }
    if (owner_ == nullptr) co_return false;
    if (state_ != State::down) spdlog::warn("{}", reason);
    state_ = State::down;
    reason_ = std::move(reason);
    fail_all(reason_);
    owner_->changed();
    co_return false;
}

Task<void> Node::pause(std::chrono::milliseconds duration) {
    wake_.expires_after(duration);
    boost::system::error_code cancelled;
    co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

void Node::submit(RequestPointer request) {
    if (state_ == State::down) return owner_->failed(std::move(request), reason_);
    if (queue_.size() + in_flight_.size() >= settings_->max_waiting || waiting_bytes_ >= settings_->max_waiting_bytes) {
        return owner_->failed(std::move(request), "Redis: too many commands wait");
    }
    waiting_bytes_ += request->command.size_bytes();
    if (state_ == State::up) return send(std::move(request));
    queue_.push_back(std::move(request));
}

void Node::send(RequestPointer request) {
    if (request->is_asking) {
        request->is_asking = false;
        send(std::make_unique<Request>(Request{Command("ASKING"), request->deadline, nullptr}));
    }
    connection_->write(request->command);
    in_flight_.push_back(std::move(request));
}

void Node::take(Reply reply) {
    is_quiet_ = false;
    if (in_flight_.empty()) return lose("Redis sent an answer to no question", State::down);
    RequestPointer request = std::move(in_flight_.front());
    in_flight_.pop_front();
    waiting_bytes_ -= std::min(waiting_bytes_, request->command.size_bytes());
    if (!std::exchange(has_answered_, true)) backoff_.reset();
    owner_->answered(std::move(request), std::move(reply), *this);
}

bool Node::expire(std::chrono::steady_clock::time_point now) {
    if (!in_flight_.empty() && in_flight_.front()->deadline <= now) {
        const std::string reason = "Redis at " + server_.text() + ": no answer in time";
        spdlog::warn("{}", reason);
        lose(reason, State::down);
    }
    std::deque<RequestPointer> overdue;
    for (auto& request : queue_) {
        if (request->deadline <= now) overdue.push_back(std::move(request));
    }
    std::erase(queue_, nullptr);
    for (auto& request : overdue) {
        waiting_bytes_ -= std::min(waiting_bytes_, request->command.size_bytes());
        owner_->failed(std::move(request), "Redis: not connected in time");
    }
    return !in_flight_.empty() || !queue_.empty();
}

void Node::reconnect(const std::string& reason) {
    if (state_ == State::up) lose(reason, State::connecting);
}

void Node::lose(const std::string& reason, State next) {
    if (!connection_) return;
    connection_->close();
    connection_ = nullptr;
    connections().add(-1);
    state_ = next;
    reason_ = reason;
    fail_all(reason);
    owner_->changed();
    wake_.cancel();
}

void Node::fail_all(const std::string& reason) {
    auto in_flight = std::exchange(in_flight_, {});
    auto queue = std::exchange(queue_, {});
    waiting_bytes_ = 0;
    for (auto& request : in_flight) owner_->failed(std::move(request), reason);
    for (auto& request : queue) owner_->failed(std::move(request), reason);
}

}  // namespace guildhall::redis
