#include "platform/redis/connection.hpp"

#include <charconv>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "platform/base/result.hpp"

namespace guildhall::redis {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

}  // namespace

/// Closes the connection after a time, unless it is destroyed first.
class Connection::Alarm {
public:
    explicit Alarm(Connection& connection)
        : timer_(connection.io_, connection.settings_->connect_deadline), is_set_(std::make_shared<bool>(true)) {
        timer_.async_wait([weak = connection.weak_from_this(), is_set = is_set_](boost::system::error_code error) {
            const auto self = weak.lock();
            if (error || !*is_set || !self) return;
            self->is_late_ = true;
            self->resolver_.cancel();
            self->socket_.close(error);
        });
    }
    ~Alarm() { *is_set_ = false; }
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;

private:
    asio::steady_timer timer_;
    std::shared_ptr<bool> is_set_;  // the handler may be queued already when the timer is destroyed
};

Connection::Connection(asio::io_context& io, std::shared_ptr<const Settings> settings)
    : io_(io), settings_(std::move(settings)), resolver_(io), socket_(io) {}

void Connection::fail(const std::string& what) const {
    throw Unavailable("Redis at " + peer_.text() + ": " + (is_late_ ? "no answer in time" : what));
}

Task<void> Connection::open(Endpoint server) {
    peer_ = std::move(server);
    const Alarm alarm(*this);
    co_await connect();
    if (settings_->is_tls) co_await secure();
    co_await sign_in();
}

Task<void> Connection::open_sentinel(Endpoint sentinel) {
    peer_ = std::move(sentinel);
    const Alarm alarm(*this);
    co_await connect();
    if (settings_->is_tls) co_await secure();
}

Task<void> Connection::connect() {
    boost::system::error_code error;
    std::vector<tcp::endpoint> found;
    if (const auto address = asio::ip::make_address(peer_.host, error); !error) {
        std::uint16_t port = 0;
        const char* end = peer_.port.data() + peer_.port.size();
        if (std::from_chars(peer_.port.data(), end, port).ptr != end) fail("the port is no number");
        found.emplace_back(address, port);
    } else {
        error = {};
        const auto results =
            co_await resolver_.async_resolve(peer_.host, peer_.port, asio::redirect_error(asio::use_awaitable, error));
        if (error || is_late_) fail("the host is unknown");
        for (const auto& result : results) found.push_back(result.endpoint());
    }
    co_await asio::async_connect(socket_, found, asio::redirect_error(asio::use_awaitable, error));
    if (error || is_late_) fail("cannot connect");
    socket_.set_option(tcp::no_delay(true), error);
    socket_.set_option(asio::socket_base::keep_alive(true), error);
}

Task<void> Connection::secure() {
    boost::system::error_code error;
    tls_context_.emplace(asio::ssl::context::tls_client);
    tls_context_->set_default_verify_paths(error);
    tls_.emplace(socket_, *tls_context_);
    tls_->set_verify_mode(asio::ssl::verify_peer, error);
    tls_->set_verify_callback(asio::ssl::host_name_verification(peer_.host), error);
    SSL_set_tlsext_host_name(tls_->native_handle(), peer_.host.c_str());
    co_await tls_->async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, error));
    if (error) fail("TLS: " + error.message());
}

Task<void> Connection::sign_in() {
    if (!settings_->password.empty()) {
        Command auth("AUTH");
        if (!settings_->user.empty()) auth.argument(settings_->user);
        auth.argument(settings_->password);
        const Reply reply = co_await ask(std::move(auth));
        if (reply.is_error()) fail(reply.text);
    }
    Command select("SELECT");
    select.argument(settings_->database);
    const Reply selected = co_await ask(std::move(select));  // also shows whether the server is ready: LOADING, NOAUTH
    if (selected.is_error()) fail(selected.text);
    if (settings_->kind != Settings::Kind::sentinel) co_return;
    const Reply role = co_await ask(Command("ROLE"));
    if (role.elements.empty() || role.elements[0].text != "master") fail("is not the primary");
}

Task<Reply> Connection::ask(Command command) {
    const Alarm alarm(*this);
    std::string bytes;
    command.append_to(bytes);
    boost::system::error_code error;
    if (tls_) {
        co_await asio::async_write(*tls_, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
    } else {
        co_await asio::async_write(socket_, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
    }
    if (error) fail("cannot send");
    for (;;) {
        if (auto reply = reader_.next()) co_return std::move(*reply);
        const std::size_t size = co_await read_some(error);
        if (error) fail("the connection was closed");
        reader_.feed({received_.data(), size});
    }
}

Task<std::size_t> Connection::read_some(boost::system::error_code& error) {
    const auto buffer = asio::buffer(received_);
    if (tls_) return tls_->async_read_some(buffer, asio::redirect_error(asio::use_awaitable, error));
    return socket_.async_read_some(buffer, asio::redirect_error(asio::use_awaitable, error));
}

void Connection::start(OnReply on_reply, OnLost on_lost) {
    on_reply_ = std::move(on_reply);
    on_lost_ = std::move(on_lost);
    is_started_ = true;
    auto run = [](std::shared_ptr<Connection> self) -> Task<void> { co_await self->read_all(); };
    asio::co_spawn(io_, run(shared_from_this()), asio::detached);
}

Task<void> Connection::read_all() {
    while (is_started_) {
        boost::system::error_code error;
        const std::size_t size = co_await read_some(error);
        if (error) co_return lose("the connection was closed");
        std::string broken;
        try {
            reader_.feed({received_.data(), size});
            while (is_started_) {
                auto reply = reader_.next();
                if (!reply) break;
                on_reply_(std::move(*reply));
            }
        } catch (const Unavailable& failure) {
            broken = failure.what();
        }
        if (!broken.empty()) lose(broken);
    }
}

void Connection::write(const Command& command) {
    command.append_to(next_);
    if (std::exchange(is_flushing_, true)) return;
    asio::post(io_, [self = shared_from_this()] { self->flush(); });
}

void Connection::flush() {
    sending_.clear();
    sending_.swap(next_);
    auto sent = [self = shared_from_this()](boost::system::error_code error, std::size_t) {
        if (error) return self->lose("the connection was closed");
        if (!self->next_.empty()) return self->flush();
        self->is_flushing_ = false;
    };
    if (tls_) {
        asio::async_write(*tls_, asio::buffer(sending_), std::move(sent));
    } else {
        asio::async_write(socket_, asio::buffer(sending_), std::move(sent));
    }
}

void Connection::lose(const std::string& why) {
    if (!is_started_) return;
    const OnLost on_lost = std::move(on_lost_);
    close();
    on_lost(why);
}

void Connection::close() {
    is_started_ = false;
    boost::system::error_code ignored;
    socket_.close(ignored);
}

}  // namespace guildhall::redis
