#include "platform/redis/subscriber.hpp"

#include <set>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include "platform/async/backoff.hpp"
#include "platform/base/result.hpp"
#include "platform/redis/connection.hpp"
#include "platform/redis/locator.hpp"

namespace guildhall::redis {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLongestPause{1000};

}  // namespace

// Lives on the client's context. Everything except the listener's lock is for that thread only.
class Subscriber::State : public std::enable_shared_from_this<Subscriber::State> {
public:
    State(Client& client, Listener listener)
        : io_(client.io()),
          settings_(std::make_shared<const Settings>(client.settings())),
          locate_(locate_any(io_, settings_)),
          wake_(io_),
          listener_(std::move(listener)) {}

    Task<void> run();
    void stop();
    /// When it returns, the listener is not being called, except by the caller itself.
    void silence() {
        const std::lock_guard lock(mutex_);
        listener_ = {};
    }
    void change(std::string channel, bool is_wanted);
    asio::io_context& io() { return io_; }

private:
    Task<bool> connect();
    Task<void> pause(std::chrono::milliseconds duration);
    void take(const Reply& reply);
    void lose(const std::string& why);

    asio::io_context& io_;
    const std::shared_ptr<const Settings> settings_;
    const Locate locate_;
    asio::steady_timer wake_;
    std::set<std::string, std::less<>> wanted_;
    std::shared_ptr<Connection> connection_;
    bool is_stopped_ = false;
    bool is_quiet_ = false;
    bool was_lost_ = false;

    std::recursive_mutex mutex_;
    Listener listener_;
};

Task<void> Subscriber::State::run() {
    Backoff backoff(kFirstPause, kLongestPause);
    while (!is_stopped_) {
        const auto start = std::chrono::steady_clock::now();
        if (co_await connect()) {
            // Anything that the server sends is a sign of life. It is unreachable after two checks without one, the
            // first of which sent a PING.
            bool was_asked = false;
            while (connection_) {
                is_quiet_ = true;
                co_await pause(was_asked ? settings_->command_deadline : settings_->ping_interval);
                if (!connection_) break;
                if (is_quiet_ && was_asked) lose("no sign of life");
                was_asked = is_quiet_ && !was_asked;
                if (connection_ && was_asked) connection_->write(Command("PING"));
            }
            if (std::chrono::steady_clock::now() - start > kLongestPause) backoff.reset();
        }
        if (!is_stopped_) co_await pause(backoff.next());
    }
}

Task<bool> Subscriber::State::connect() {
    try {
        Endpoint server = co_await locate_();
        auto connection = std::make_shared<Connection>(io_, settings_);
        co_await connection->open(std::move(server));
        if (is_stopped_) co_return false;
        connection_ = std::move(connection);
        const auto weak = weak_from_this();
        connection_->start(
            [weak](const Reply& reply) {
                if (const auto self = weak.lock()) self->take(reply);
            },
            [weak](const std::string& why) {
                if (const auto self = weak.lock()) self->lose(why);
            });
        if (std::exchange(was_lost_, false))
            spdlog::info("subscriptions at Redis {} work again", connection_->peer().text());
        for (const std::string& channel : wanted_) connection_->write(Command("SUBSCRIBE").argument(channel));
        co_return true;
    } catch (const Unavailable& failure) {
        if (!std::exchange(was_lost_, true)) spdlog::warn("subscriptions: {}", failure.what());
    }
    co_return false;
}

Task<void> Subscriber::State::pause(std::chrono::milliseconds duration) {
    wake_.expires_after(duration);
    boost::system::error_code cancelled;
    co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

void Subscriber::State::stop() {
    is_stopped_ = true;
    if (connection_) connection_->close();
    connection_ = nullptr;
    wake_.cancel();
}

void Subscriber::State::lose(const std::string& why) {
    if (!connection_) return;
    spdlog::warn("subscriptions at Redis {}: {}", connection_->peer().text(), why);
    was_lost_ = true;
    connection_->close();
    connection_ = nullptr;
    wake_.cancel();
}

void Subscriber::State::change(std::string channel, bool is_wanted) {
    if (is_stopped_) return;
    if (connection_) connection_->write(Command(is_wanted ? "SUBSCRIBE" : "UNSUBSCRIBE").argument(channel));
    if (is_wanted) {
        wanted_.insert(std::move(channel));
    } else {
        wanted_.erase(channel);
    }
}

// ["message", channel, bytes], ["subscribe", channel, count], ["unsubscribe", …], ["pong", ""]
void Subscriber::State::take(const Reply& reply) {
    is_quiet_ = false;
    if (reply.is_error()) return lose(reply.text);
    if (reply.elements.size() != 3) return;
    const std::string& kind = reply.elements[0].text;
    const std::string& channel = reply.elements[1].text;
    const std::lock_guard lock(mutex_);
    if (kind == "message" && listener_.on_message) listener_.on_message(channel, reply.elements[2].text);
    if (kind == "subscribe" && listener_.on_subscribed) listener_.on_subscribed(channel);
}

Subscriber::Subscriber(Client& client, Listener listener)
    : state_(std::make_shared<State>(client, std::move(listener))) {
    auto running = [](std::shared_ptr<State> state) -> Task<void> { co_await state->run(); };
    asio::co_spawn(state_->io(), running(state_), asio::detached);
}

Subscriber::~Subscriber() {
    state_->silence();
    if (!state_->io().stopped()) asio::post(state_->io(), [state = state_] { state->stop(); });
}

void Subscriber::subscribe(std::string channel) {
    asio::post(state_->io(),
               [state = state_, channel = std::move(channel)]() mutable { state->change(std::move(channel), true); });
}

void Subscriber::unsubscribe(std::string channel) {
    asio::post(state_->io(),
               [state = state_, channel = std::move(channel)]() mutable { state->change(std::move(channel), false); });
}

}  // namespace guildhall::redis
