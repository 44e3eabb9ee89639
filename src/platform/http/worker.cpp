#include "platform/http/worker.hpp"

#include <exception>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

namespace guildhall::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto kWithError = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kSweep{500};  // granularity of the deadlines
constexpr int kBacklog = 4096;

Refusal refusal_of(OpenConnections::Entry entry) {
    if (entry == OpenConnections::Entry::too_many_of_address)
        return {429, "too_many_connections", "too many connections from this address"};
    return {503, "too_many_connections", "the server has as many connections as it can; try again"};
}

void share_port(tcp::acceptor& acceptor) {
    const int on = 1;
    if (::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        throw std::system_error(errno, std::generic_category(), "SO_REUSEPORT");
}

void log_failure(const std::exception_ptr& failure) {
    if (!failure) return;
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        spdlog::error("session: {}", error.what());
    }
}

}  // namespace

OpenConnections::Entry OpenConnections::enter(const Peer& peer) {
    const std::lock_guard lock(mutex_);
    if (count_ >= limit_ + kMaxTurnedAway) return Entry::closed;
    std::size_t& of_subscriber = by_subscriber_[std::string(peer.address.subscriber().bytes())];
    const bool is_bounded = !peer.is_trusted_proxy;
    if (is_bounded && of_subscriber >= limit_per_address_ + kMaxTurnedAwayOfAddress) return Entry::closed;
    ++count_;
    ++of_subscriber;
    if (count_ > limit_) return Entry::too_many;
    return is_bounded && of_subscriber > limit_per_address_ ? Entry::too_many_of_address : Entry::served;
}

void OpenConnections::leave(const Peer& peer) {
    const std::lock_guard lock(mutex_);
    const auto of_subscriber = by_subscriber_.find(std::string(peer.address.subscriber().bytes()));
    if (--of_subscriber->second == 0) by_subscriber_.erase(of_subscriber);
    if (--count_ == 0) none_left_.notify_all();
}

std::size_t OpenConnections::count() const {
    const std::lock_guard lock(mutex_);
    return count_;
}

void OpenConnections::wait_for_none(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    none_left_.wait_for(lock, limit, [this] { return count_ == 0; });
}

Worker::Worker(asio::io_context& io, ServerContext& server)
    : io_(io), server_(server), acceptor_(io), sweep_(io), context_{server.options,
                                                                    server.dispatcher,
                                                                    server.phase,
                                                                    server.clock,
                                                                    server.budget,
                                                                    {},
                                                                    RequestRecorder(server.log.get())} {}

std::uint16_t Worker::open(std::uint16_t port, bool is_first) {
    const tcp::endpoint endpoint(asio::ip::make_address(server_.options.address), port);
    try {
        acceptor_.open(endpoint.protocol());
        acceptor_.set_option(asio::socket_base::reuse_address(true));
        // A socket that shares its port takes its part of the connections of any other one that does, also of another
        // process. So the first socket of a server takes the port for itself, and shares it only then.
        if (!is_first) share_port(acceptor_);
        acceptor_.bind(endpoint);
        if (is_first) share_port(acceptor_);
        acceptor_.listen(kBacklog);
        return acceptor_.local_endpoint().port();
    } catch (const boost::system::system_error& failure) {
        std::ostringstream sentence;
        sentence << "cannot listen on " << endpoint << ": " << failure.code().message();
        throw std::runtime_error(sentence.str());
    }
}

void Worker::start() {
    asio::co_spawn(io_, accept(), asio::detached);
    asio::co_spawn(io_, enforce_deadlines(), asio::detached);
}

void Worker::drain() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (Session* session : sessions_) session->drain();
}

void Worker::stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    is_stopped_ = true;
    sweep_.cancel();
    for (Session* session : sessions_) session->close();
    context_.recorder.flush();
}

Task<void> Worker::accept() {
    while (acceptor_.is_open()) {
        auto [ec, socket] = co_await acceptor_.async_accept(kWithError);
        if (ec == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
        if (ec) {  // out of descriptors, most likely: accepting at once again would spin
            spdlog::warn("accept: {}", ec.message());
            asio::steady_timer pause(io_, std::chrono::milliseconds(100));
            co_await pause.async_wait(kWithError);
            continue;
        }
        const auto endpoint = socket.remote_endpoint(ec);
        if (ec) continue;  // the client has left already
        Peer peer(endpoint.address(), server_.options.trusted_proxies);
        const auto entry = server_.connections.enter(peer);
        if (entry == OpenConnections::Entry::closed) continue;
        asio::co_spawn(io_, serve(std::move(socket), std::move(peer), entry), log_failure);
    }
}

Task<void> Worker::enforce_deadlines() {
    while (!is_stopped_) {
        sweep_.expires_after(kSweep);
        co_await sweep_.async_wait(kWithError);
        context_.recorder.flush();
        const auto now = std::chrono::steady_clock::now();
        for (Session* session : sessions_) session->enforce_deadline(now);
    }
}

Task<void> Worker::serve(tcp::socket socket, Peer peer, OpenConnections::Entry entry) {
    struct Counted {
        OpenConnections& connections;
        const Peer& peer;
        ~Counted() { connections.leave(peer); }
    } const counted{server_.connections, peer};
    Session session(std::move(socket), peer, context_);
    struct Listed {
        std::list<Session*>& sessions;
        std::list<Session*>::const_iterator place;
        ~Listed() { sessions.erase(place); }
    } const listed{sessions_, sessions_.insert(sessions_.end(), &session)};
    if (entry == OpenConnections::Entry::served) {
        co_await session.run();
    } else {
        co_await session.turn_away(refusal_of(entry));
    }
}

}  // namespace guildhall::http
