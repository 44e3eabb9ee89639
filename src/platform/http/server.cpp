#include "platform/http/server.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "platform/base/metrics.hpp"
#include "platform/http/access_log.hpp"
#include "platform/http/dispatcher.hpp"
#include "platform/http/problem.hpp"
#include "platform/http/request_head.hpp"

namespace guildhall::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kSweep{500};  // granularity of the deadlines
constexpr std::size_t kMostLogBytes = 8 << 20;    // of the access log that wait for its reader
constexpr std::size_t kFirstRead = 4096;
constexpr std::size_t kKeptBuffer =
    64 << 10;  // a connection's buffers that grew past this are given back after the request

/// The bytes of a connection that are received and not yet used.
class ReadBuffer {
public:
    std::string_view bytes() const { return {data_.data() + begin_, end_ - begin_}; }
    asio::mutable_buffer prepare(std::size_t least) {
        if (data_.size() - end_ < least) {
            data_.erase(0, begin_);
            end_ -= begin_;
            begin_ = 0;
            if (data_.size() - end_ < least) data_.resize(std::max(end_ + least, data_.size() * 2));
        }
        return asio::buffer(data_.data() + end_, data_.size() - end_);
    }
    void commit(std::size_t count) { end_ += count; }
    void consume(std::size_t count) {
        begin_ += count;
        if (begin_ != end_) return;
        begin_ = end_ = 0;
        if (data_.size() > kKeptBuffer) data_ = std::string(kFirstRead, '\0');
    }

private:
    std::string data_ = std::string(kFirstRead, '\0');
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

/// Why a connection cannot go on after an answer.
struct Refusal {
    int status;
    std::string_view code;
    std::string detail;
};

/// A request whose handler is at work.
struct Running {
    const Outcome& outcome;
    std::string_view method;
    SteadyTime start;
};

struct Connection {
    explicit Connection(tcp::socket s) : socket(std::move(s)) {}
    tcp::socket socket;
    std::string peer_ip;
    SteadyTime deadline = SteadyTime::max();
    bool is_idle = true;          // waits for the first byte of a request
    bool is_reading_head = true;  // has no request yet that a drain would have to answer
    bool timed_out = false;       // the deadline passed: what waits is cancelled
    const Running* running = nullptr;
    bool is_overdue = false;  // the handler's deadline passed: the sweep has answered
    ReadBuffer in;
    std::string out;
};

/// Series of one route, looked up once a thread.
struct RouteSeries {
    std::vector<std::pair<int, metrics::Counter*>> by_status;
    metrics::Histogram* duration = nullptr;
};

std::string_view reason_of(int status) {
    const auto reason = beast::http::obsolete_reason(static_cast<beast::http::status>(status));
    return {reason.data(), reason.size()};
}

}  // namespace

/// What all threads share.
struct Shared {
    ServerOptions options;
    Dispatcher dispatcher;
    const Clock& clock;
    std::atomic<std::size_t> connections{0};
    std::atomic<bool> ending{false};  // answers end their connection
    std::atomic<bool> draining{false};
    std::mutex mutex;
    std::condition_variable none_left;
    std::unique_ptr<BlockWriter> log;  // null: no access log
};

namespace {

/// One thread's acceptor and connections. Everything runs on its io_context.
class Worker {
public:
    Worker(asio::io_context& io, Shared& shared)
        : io_(io), shared_(shared), acceptor_(io), sweep_(io), log_(shared.log.get()) {}

    /// Binds with SO_REUSEPORT and gives the port.
    std::uint16_t open(std::uint16_t port) {
        const tcp::endpoint endpoint(asio::ip::make_address(shared_.options.address), port);
        acceptor_.open(endpoint.protocol());
        acceptor_.set_option(asio::socket_base::reuse_address(true));
        const int on = 1;
        if (::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
            throw std::system_error(errno, std::generic_category(), "SO_REUSEPORT");
        acceptor_.bind(endpoint);
        acceptor_.listen(4096);
        return acceptor_.local_endpoint().port();
    }

    void start() {
        asio::co_spawn(io_, accept(), asio::detached);
        asio::co_spawn(io_, sweep(), asio::detached);
    }

    /// On the worker's thread: no new connections; those without a whole request end.
    void drain() {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        for (Connection* connection : connections_)
            if (connection->is_reading_head) connection->socket.cancel(ignored);
    }
    void stop() {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        stopped_ = true;
        sweep_.cancel();
        for (Connection* connection : connections_) connection->socket.close(ignored);
        log_.flush();
    }
    asio::io_context& io() { return io_; }

private:
    Task<void> accept();
    Task<void> sweep();
    Task<void> serve(tcp::socket socket);
    Task<void> converse(Connection& connection);
    Task<bool> read_more(Connection& connection, std::size_t least);
    Task<bool> send(Connection& connection, std::string_view body);
    Task<void> refuse(Connection& connection, Refusal refusal);
    void answer_overdue(Connection& connection);
    void write_head(Connection& connection, const Response& response, bool keep_alive, std::string_view request_id,
                    std::size_t body_bytes);
    void record(const Outcome& outcome, std::string_view method, int status, std::size_t bytes, SteadyTime start);
    std::string_view date();

    asio::io_context& io_;
    Shared& shared_;
    tcp::acceptor acceptor_;
    asio::steady_timer sweep_;
    std::list<Connection*> connections_;
    AccessLog log_;
    std::unordered_map<const Route*, RouteSeries> series_;
    std::time_t date_at_ = 0;
    std::string date_;
    bool stopped_ = false;
};

Task<void> Worker::accept() {
    while (acceptor_.is_open()) {
        auto [ec, socket] = co_await acceptor_.async_accept(kToken);
        if (ec == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
        if (ec) {  // out of descriptors, most likely: accepting at once again would spin
            spdlog::warn("accept: {}", ec.message());
            asio::steady_timer pause(io_, std::chrono::milliseconds(100));
            co_await pause.async_wait(kToken);
            continue;
        }
        if (shared_.connections.fetch_add(1) >= shared_.options.max_connections) {
            constexpr std::string_view kFull =
                "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            boost::system::error_code ignored;
            socket.non_blocking(true, ignored);
            socket.write_some(asio::buffer(kFull), ignored);
            shared_.connections.fetch_sub(1);
            continue;
        }
        asio::co_spawn(io_, serve(std::move(socket)), [](std::exception_ptr failure) {
            if (!failure) return;
            try {
                std::rethrow_exception(failure);
            } catch (const std::exception& error) {
                spdlog::error("connection: {}", error.what());
            }
        });
    }
}

Task<void> Worker::sweep() {
    while (!stopped_) {
        sweep_.expires_after(kSweep);
        co_await sweep_.async_wait(kToken);
        log_.flush();
        const SteadyTime now = std::chrono::steady_clock::now();
        for (Connection* connection : connections_) {
            if (connection->deadline > now) continue;
            connection->deadline = SteadyTime::max();
            if (connection->running) {
                answer_overdue(*connection);
                continue;
            }
            connection->timed_out = true;
            boost::system::error_code ignored;
            connection->socket.cancel(ignored);
        }
    }
}

Task<void> Worker::serve(tcp::socket socket) {
    Connection connection(std::move(socket));
    const auto place = connections_.insert(connections_.end(), &connection);
    struct Leave {
        Worker& worker;
        std::list<Connection*>::const_iterator place;
        ~Leave() {
            worker.connections_.erase(place);
            if (worker.shared_.connections.fetch_sub(1) != 1) return;
            std::lock_guard lock(worker.shared_.mutex);
            worker.shared_.none_left.notify_all();
        }
    } leave{*this, place};

    boost::system::error_code ec;
    connection.socket.set_option(tcp::no_delay(true), ec);
    connection.socket.non_blocking(true, ec);
    const auto peer = connection.socket.remote_endpoint(ec);
    if (ec) co_return;
    connection.peer_ip = peer.address().to_string();
    co_await converse(connection);
    connection.socket.shutdown(tcp::socket::shutdown_send, ec);
}

/// Waits for bytes. False when the connection is to end: closed by the client, timed out, broken.
Task<bool> Worker::read_more(Connection& connection, std::size_t least) {
    auto [ec, count] = co_await connection.socket.async_read_some(connection.in.prepare(least), kToken);
    connection.in.commit(count);
    co_return !ec;
}

/// Sends what is in `connection.out` and then `body`, which must live until then.
Task<bool> Worker::send(Connection& connection, std::string_view body) {
    // Most answers fit the socket's buffer: then no turn of the reactor is needed.
    boost::system::error_code ec;
    const std::array<asio::const_buffer, 2> parts{asio::buffer(connection.out), asio::buffer(body)};
    const std::size_t sent = connection.socket.write_some(parts, ec);
    if (ec == asio::error::would_block) ec = {};
    if (!ec && sent < asio::buffer_size(parts)) {
        connection.deadline = std::chrono::steady_clock::now() + shared_.options.write_deadline;
        const std::array<asio::const_buffer, 2> rest{parts[0] + sent,
                                                     parts[1] + (sent - std::min(sent, parts[0].size()))};
        auto [failure, count] = co_await asio::async_write(connection.socket, rest, kToken);
        connection.deadline = SteadyTime::max();
        ec = failure;
    }
    connection.out.clear();
    if (connection.out.capacity() > kKeptBuffer) connection.out.shrink_to_fit();
    co_return !ec;
}

std::string_view Worker::date() {
    const std::time_t now = std::chrono::system_clock::to_time_t(shared_.clock.now());
    if (now == date_at_) return date_;
    date_at_ = now;
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[40];
    const std::size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    date_.assign(text, size);
    return date_;
}

void Worker::write_head(Connection& connection, const Response& response, bool keep_alive, std::string_view request_id,
                        std::size_t body_bytes) {
    std::string& out = connection.out;
    const auto field = [&out](std::string_view name, std::string_view value) {
        out += name;
        out += ": ";
        out += value;
        out += "\r\n";
    };
    out += "HTTP/1.1 ";
    json::write(out, response.status);
    out += ' ';
    out += reason_of(response.status);
    out += "\r\n";
    field("Date", date());
    if (!response.content_type.empty()) field("Content-Type", response.content_type);
    if (response.status != 204 && response.status != 304) {
        out += "Content-Length: ";
        json::write(out, body_bytes);
        out += "\r\n";
    }
    for (const auto& [name, value] : response.headers) field(name, value);
    if (!request_id.empty()) field("X-Request-Id", request_id);
    field("X-Content-Type-Options", "nosniff");
    if (!keep_alive) field("Connection", "close");
    out += "\r\n";
}

/// Answers what cannot be parsed, or not be waited for, and ends the connection.
Task<void> Worker::refuse(Connection& connection, Refusal refusal) {
    RequestContext context;
    const Error error{Code::invalid, std::move(refusal.detail), std::string(refusal.code)};
    const Response response = problem(refusal.status, error, context);
    write_head(connection, response, false, {}, response.body.size());
    metrics::counter("guildhall_http_refused_total", "Requests that could not be read",
                     {{"status", std::to_string(refusal.status)}})
        .add();
    connection.timed_out = false;
    if (!co_await send(connection, response.body)) co_return;
    // The client may still be sending: closing at once would reset the connection before it has read the answer (RFC 9112 §9.6).
    boost::system::error_code ignored;
    connection.socket.shutdown(tcp::socket::shutdown_send, ignored);
    connection.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    std::size_t swallowed = 0;
    while (swallowed < (4U << 20) && !connection.timed_out) {
        connection.in.consume(connection.in.bytes().size());
        if (!co_await read_more(connection, kFirstRead)) co_return;
        swallowed += connection.in.bytes().size();
    }
}

/// Answers in the place of a handler that takes too long. What that refers to lives on in its connection until it ends; cutting it off inside a
/// transaction would be no safer than letting it end, and its own calls all have deadlines.
void Worker::answer_overdue(Connection& connection) {
    connection.is_overdue = true;
    const Running& running = *connection.running;
    const Outcome& outcome = running.outcome;
    spdlog::warn("{} {} took longer than {} s request_id={}", running.method, outcome.path,
                 shared_.options.handler_deadline.count(), outcome.request_id);
    RequestContext context;
    context.request_id = outcome.request_id;
    context.path = outcome.path;
    const Response response = problem(
        Error{Code::unavailable, "this took too long; what was asked for may still happen", "deadline_exceeded"},
        context);
    write_head(connection, response, false, outcome.request_id, response.body.size());
    if (running.method != "HEAD") connection.out += response.body;
    record(outcome, running.method, response.status, connection.out.size(), running.start);
    boost::system::error_code ignored;  // a client that cannot even take this sees the end of the connection
    connection.socket.write_some(asio::buffer(connection.out), ignored);
    connection.socket.shutdown(tcp::socket::shutdown_send, ignored);
}

Task<void> Worker::converse(Connection& connection) {
    const ServerOptions& options = shared_.options;
    constexpr std::string_view kEndOfHeader = "\r\n\r\n";
    for (;;) {
        // The header, whole.
        connection.is_reading_head = true;
        connection.is_idle = connection.in.bytes().empty();
        connection.deadline =
            std::chrono::steady_clock::now() + (connection.is_idle ? options.idle_deadline : options.header_deadline);
        std::size_t header_end = std::string_view::npos;
        std::size_t searched = 0;
        bool is_line_checked = false;
        for (;;) {
            const std::string_view bytes = connection.in.bytes();
            header_end = bytes.find(kEndOfHeader, searched);
            if (header_end != std::string_view::npos) break;
            // A request line without a version would wait for a header that never comes.
            if (const auto line = bytes.find("\r\n"); !is_line_checked && line != std::string_view::npos) {
                is_line_checked = true;
                if (const auto fault = fault_of_header_block(bytes.substr(0, line + 2)))
                    co_return co_await refuse(connection, {400, "malformed_request", std::string(*fault)});
            }
            if (bytes.size() > options.max_header_bytes)
                co_return co_await refuse(connection,
                                          {431, "header_too_large", "the header is larger than this server takes"});
            searched = bytes.size() < 3 ? 0 : bytes.size() - 3;
            if (shared_.draining.load(std::memory_order_relaxed)) co_return;
            const bool is_open = co_await read_more(connection, kFirstRead);
            if (connection.timed_out && !connection.is_idle)
                co_return co_await refuse(connection, {408, "request_timeout", "the header did not arrive in time"});
            if (!is_open) co_return;
            if (connection.is_idle) {
                connection.is_idle = false;
                connection.deadline = std::chrono::steady_clock::now() + options.header_deadline;
            }
        }
        connection.is_reading_head = false;
        const SteadyTime start = std::chrono::steady_clock::now();
        header_end += kEndOfHeader.size();
        const std::string_view block = connection.in.bytes().substr(0, header_end);
        if (header_end > options.max_header_bytes)
            co_return co_await refuse(connection,
                                      {431, "header_too_large", "the header is larger than this server takes"});
        if (const auto fault = fault_of_header_block(block))
            co_return co_await refuse(connection, {400, "malformed_request", std::string(*fault)});

        beast::http::request_parser<beast::http::string_body> parser;
        parser.header_limit(static_cast<std::uint32_t>(options.max_header_bytes));
        parser.body_limit(boost::none);  // a Content-Length is judged below, a chunked body by the limit set there
        boost::system::error_code ec;
        parser.put(asio::buffer(block.data(), block.size()), ec);
        if (!parser.is_header_done())
            co_return co_await refuse(connection,
                                      {400, "malformed_request", ec ? ec.message() : "the header cannot be read"});
        const auto& head = parser.get().base();
        Framing framing;
        if (const auto fault = fault_of_fields(head, framing))
            co_return co_await refuse(connection, {400, "malformed_request", std::string(*fault)});
        if (framing.content_length > options.max_body_bytes)
            co_return co_await refuse(connection, {413, "too_large", "the body is larger than this server takes"});

        // The body: as it stands in the buffer, or unchunked by the parser.
        const bool has_body = framing.chunked || framing.content_length > 0;
        if (has_body && beast::iequals(head[beast::http::field::expect], "100-continue") &&
            connection.in.bytes().size() == header_end) {
            connection.out = "HTTP/1.1 100 Continue\r\n\r\n";
            if (!co_await send(connection, {})) co_return;
        }
        connection.deadline = start + options.body_deadline;
        std::size_t used = header_end;
        std::string_view body;
        beast::http::request_header<> without_trailers;
        if (framing.chunked) {
            connection.in.consume(header_end);
            used = 0;
            parser.body_limit(options.max_body_bytes);
            parser.eager(true);
            // Beast adds trailers to the header, where no check and no proxy before us has seen them (RFC 9110 §6.5.1).
            without_trailers = head;
            while (!parser.is_done()) {
                const std::size_t count =
                    parser.put(asio::buffer(connection.in.bytes().data(), connection.in.bytes().size()), ec);
                connection.in.consume(count);
                if (ec == beast::http::error::body_limit)
                    co_return co_await refuse(connection,
                                              {413, "too_large", "the body is larger than this server takes"});
                if (ec && ec != beast::http::error::need_more)
                    co_return co_await refuse(connection, {400, "malformed_request", ec.message()});
                if (parser.is_done()) break;
                // What is left is an unfinished chunk line or trailer; Beast does not bound those.
                if (connection.in.bytes().size() > options.max_header_bytes)
                    co_return co_await refuse(connection,
                                              {400, "malformed_request", "a chunk line or trailer is too long"});
                const bool is_open = co_await read_more(connection, kFirstRead);
                if (connection.timed_out)
                    co_return co_await refuse(connection, {408, "request_timeout", "the body did not arrive in time"});
                if (!is_open) co_return;
            }
            body = parser.get().body();
        } else {
            used += framing.content_length;
            while (connection.in.bytes().size() < used) {
                const bool is_open =
                    co_await read_more(connection, std::min(used - connection.in.bytes().size(), kKeptBuffer));
                if (connection.timed_out)
                    co_return co_await refuse(connection, {408, "request_timeout", "the body did not arrive in time"});
                if (!is_open) co_return;
            }
            body = connection.in.bytes().substr(header_end, framing.content_length);
        }

        Outcome outcome;
        const auto method_text = head.method_string();
        const Running running{outcome, {method_text.data(), method_text.size()}, start};
        connection.running = &running;
        connection.deadline = (has_body ? std::chrono::steady_clock::now() : start) + options.handler_deadline;
        const Exchange exchange{framing.chunked ? without_trailers : head, body, connection.peer_ip};
        const Response response = co_await shared_.dispatcher.answer(exchange, outcome);
        connection.running = nullptr;
        connection.deadline = SteadyTime::max();
        if (connection.is_overdue) co_return;

        const bool keep_alive = parser.get().keep_alive() && !shared_.ending.load(std::memory_order_relaxed);
        const bool is_head = head.method() == beast::http::verb::head;
        write_head(connection, response, keep_alive, outcome.request_id, response.body.size());
        const std::string_view sent_body = is_head ? std::string_view{} : response.body;
        record(outcome, running.method, response.status, connection.out.size() + sent_body.size(), start);
        connection.in.consume(used);
        if (!co_await send(connection, sent_body) || !keep_alive || connection.timed_out) co_return;
    }
}

void Worker::record(const Outcome& outcome, std::string_view method, int status, std::size_t bytes, SteadyTime start) {
    const auto duration = std::chrono::steady_clock::now() - start;
    RouteSeries& series = series_[outcome.route];
    const auto labels = [&] {
        return metrics::Labels{{"route", outcome.route ? outcome.route->path : "none"},
                               {"method", outcome.route ? outcome.route->method : "none"}};
    };
    if (!series.duration)
        series.duration = &metrics::histogram("guildhall_http_request_seconds",
                                              "Time from the end of the header to the answer", labels());
    series.duration->observe(duration);
    auto counter = std::ranges::find(series.by_status, status, &std::pair<int, metrics::Counter*>::first);
    if (counter == series.by_status.end()) {
        metrics::Labels with_status = labels();
        with_status["status"] = std::to_string(status);
        auto& made = metrics::counter("guildhall_http_requests_total", "Answered requests", with_status);
        counter = series.by_status.insert(series.by_status.end(), {status, &made});
    }
    counter->second->add();
    log_.add({shared_.clock.now(), outcome.request_id, outcome.traceparent, method, outcome.path, status, bytes,
              std::chrono::duration_cast<std::chrono::microseconds>(duration), outcome.user, outcome.ip});
}

}  // namespace

struct Server::State {
    Shared shared;
    std::vector<std::unique_ptr<Worker>> workers;
    std::uint16_t port = 0;
};

Server::Server(ServerOptions options, const Router& router, const AccessTokens& tokens, const Revocations& revocations,
               RateLimiter& limiter, const Clock& clock, IdGenerator& request_ids) {
    Dispatcher::Options dispatch{options.compress_from_bytes, options.trusted_proxies, options.cors_origins};
    state_ = std::unique_ptr<State>(
        new State{{std::move(options),
                   Dispatcher(std::move(dispatch), router, tokens, revocations, limiter, clock, request_ids),
                   clock,
                   {},
                   {},
                   {},
                   {},
                   {},
                   {}},
                  {},
                  0});
    if (state_->shared.options.access_log)
        state_->shared.log = std::make_unique<BlockWriter>(STDOUT_FILENO, kMostLogBytes);
}

Server::~Server() {
    metrics::gauge_callback("guildhall_http_connections", "Open connections", {}, [] { return 0.0; });
}

void Server::start(const std::vector<asio::io_context*>& contexts) {
    state_->port = state_->shared.options.port;
    for (asio::io_context* io : contexts) {
        auto& worker = *state_->workers.emplace_back(std::make_unique<Worker>(*io, state_->shared));
        state_->port = worker.open(state_->port);
    }
    for (auto& worker : state_->workers) worker->start();
    metrics::gauge_callback("guildhall_http_connections", "Open connections", {},
                            [shared = &state_->shared] { return static_cast<double>(shared->connections.load()); });
}

std::uint16_t Server::port() const { return state_->port; }

void Server::announce_drain() { state_->shared.ending = true; }

void Server::drain(std::chrono::milliseconds limit) {
    announce_drain();
    Shared& shared = state_->shared;
    shared.draining = true;
    for (auto& worker : state_->workers) asio::post(worker->io(), [&worker] { worker->drain(); });
    {
        std::unique_lock lock(shared.mutex);
        shared.none_left.wait_for(lock, limit, [&] { return shared.connections.load() == 0; });
    }
    for (auto& worker : state_->workers) asio::post(worker->io(), [&worker] { worker->stop(); });
    std::unique_lock lock(shared.mutex);
    shared.none_left.wait_for(lock, std::chrono::seconds(1), [&] { return shared.connections.load() == 0; });
}

}  // namespace guildhall::http
