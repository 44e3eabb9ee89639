#include "platform/http/worker.hpp"

#include <exception>
#include <string_view>
#include <system_error>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
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

void refuse_connection(tcp::socket& socket) {
    constexpr std::string_view kFull =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(kFull), ignored);
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

bool OpenConnections::enter() {
    if (count_.fetch_add(1) < limit_) return true;
    count_.fetch_sub(1);
    return false;
}

void OpenConnections::leave() {
    if (count_.fetch_sub(1) != 1) return;
    const std::lock_guard lock(mutex_);
    none_left_.notify_all();
}

void OpenConnections::wait_for_none(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    none_left_.wait_for(lock, limit, [this] { return count() == 0; });
}

Worker::Worker(asio::io_context& io, ServerContext& server)
    : io_(io),
      server_(server),
      acceptor_(io),
      sweep_(io),
      context_{server.options, server.dispatcher, server.phase, server.clock, {}, RequestRecorder(server.log.get())} {}

std::uint16_t Worker::open(std::uint16_t port) {
    const tcp::endpoint endpoint(asio::ip::make_address(server_.options.address), port);
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(asio::socket_base::reuse_address(true));
    const int on = 1;
    if (::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        throw std::system_error(errno, std::generic_category(), "SO_REUSEPORT");
    acceptor_.bind(endpoint);
    acceptor_.listen(kBacklog);
    return acceptor_.local_endpoint().port();
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
        if (!server_.connections.enter()) {
            refuse_connection(socket);
            continue;
        }
        asio::co_spawn(io_, serve(std::move(socket)), log_failure);
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

Task<void> Worker::serve(tcp::socket socket) {
    Session session(std::move(socket), context_);
    struct Listed {
        Worker& worker;
        std::list<Session*>::const_iterator place;
        ~Listed() {
            worker.sessions_.erase(place);
            worker.server_.connections.leave();
        }
    } listed{*this, sessions_.insert(sessions_.end(), &session)};
    co_await session.run();
}

}  // namespace guildhall::http
