#include "platform/http/session.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <spdlog/spdlog.h>

#include "platform/base/metrics.hpp"
#include "platform/http/problem.hpp"
#include "platform/http/request_head.hpp"

namespace guildhall::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

// Costs no coroutine frame of its own, as use_awaitable would.
constexpr auto kToken = asio::as_tuple(asio::deferred);
constexpr std::string_view kEndOfHead = "\r\n\r\n";
constexpr std::size_t kReadBytes = ReadBuffer::kInitialBytes;
constexpr std::size_t kMaxKeptBytes = ReadBuffer::kMaxKeptBytes;
constexpr std::chrono::seconds kLingerDeadline{1};
constexpr std::size_t kMaxLingerBytes = 4 << 20;

}  // namespace

/// A request while it is received and answered.
struct Session::Incoming {
    explicit Incoming(std::size_t head_size) : head_bytes(head_size), used_bytes(head_size) {}

    bool has_body() const { return framing.chunked || framing.content_length > 0; }
    const beast::http::request_header<>& head() const {
        return framing.chunked ? head_of_chunked : parser.get().base();
    }
    std::string_view method() const {
        const auto text = head().method_string();
        return {text.data(), text.size()};
    }

    const SteadyTime start = std::chrono::steady_clock::now();
    const std::size_t head_bytes;
    std::size_t used_bytes;  // of the read buffer, to be consumed after the answer
    beast::http::request_parser<beast::http::string_body> parser;
    Framing framing;
    // Beast adds trailers to the header, where no check and no proxy before us has seen them (RFC 9110 §6.5.1): so the
    // header of a chunked request is copied before its body is read.
    beast::http::request_header<> head_of_chunked;
    std::string_view body;
    Request request;
};

Session::Session(tcp::socket socket, SessionContext& context) : socket_(std::move(socket)), context_(context) {}

Task<void> Session::run() {
    boost::system::error_code ec;
    socket_.set_option(tcp::no_delay(true), ec);
    socket_.non_blocking(true, ec);
    const auto peer = socket_.remote_endpoint(ec);
    if (ec) co_return;
    peer_ip_ = peer.address().to_string();
    co_await converse();
    socket_.shutdown(tcp::socket::shutdown_send, ec);
}

void Session::enforce_deadline(SteadyTime now) {
    if (!deadline_) deadline_ = now + limit_;
    if (*deadline_ > now) return;
    deadline_ = SteadyTime::max();
    if (stage_ == Stage::handling) return answer_overdue();
    has_timed_out_ = true;
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

void Session::drain() {
    boost::system::error_code ignored;
    if (stage_ == Stage::idle || stage_ == Stage::receiving_head) socket_.cancel(ignored);
}

void Session::close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

void Session::enter(Stage stage, std::chrono::seconds limit) {
    stage_ = stage;
    limit_ = limit;
    deadline_.reset();
}

Task<void> Session::converse() {
    for (;;) {
        const auto head_bytes = co_await receive_head();
        if (!head_bytes) co_return;
        Incoming incoming(*head_bytes);
        if (auto refusal = parse_head(incoming)) co_return co_await refuse(std::move(*refusal));
        if (incoming.has_body() && !co_await receive_body(incoming)) co_return;

        const Exchange exchange = begin_handling(incoming);
        const Response response = co_await context_.dispatcher.answer(exchange, incoming.request);
        if (is_overdue_) co_return;
        const bool keep_alive = incoming.parser.get().keep_alive() &&
                                context_.phase.load(std::memory_order_relaxed) == ServerPhase::serving;
        const std::string_view body = write_answer(response, keep_alive);
        in_.consume(incoming.used_bytes);
        // Most answers fit into the socket's buffer: then neither a coroutine nor a turn of the reactor is needed.
        if (!send_at_once(body) && !co_await send_rest(body)) co_return;
        if (!keep_alive || has_timed_out_) co_return;
    }
}

/// Receives until the read buffer begins with a whole header. Gives its size; nothing when the session is over.
Task<std::optional<std::size_t>> Session::receive_head() {
    const ServerOptions& options = context_.options;
    if (in_.bytes().empty()) {
        enter(Stage::idle, options.idle_deadline);
    } else {
        enter(Stage::receiving_head, options.header_deadline);
    }
    std::size_t searched = 0;
    bool is_line_checked = false;
    for (;;) {
        const std::string_view bytes = in_.bytes();
        if (const auto end = bytes.find(kEndOfHead, searched); end != std::string_view::npos)
            co_return end + kEndOfHead.size();
        // A request line without a version would wait for a header that never comes.
        if (const auto line = bytes.find("\r\n"); !is_line_checked && line != std::string_view::npos) {
            is_line_checked = true;
            if (const auto fault = fault_of_header_block(bytes.substr(0, line + 2))) {
                co_await refuse({400, "malformed_request", std::string(*fault)});
                co_return std::nullopt;
            }
        }
        if (bytes.size() > options.max_header_bytes) {
            co_await refuse({431, "header_too_large", "the header is larger than this server takes"});
            co_return std::nullopt;
        }
        searched = bytes.size() < kEndOfHead.size() ? 0 : bytes.size() - (kEndOfHead.size() - 1);
        if (context_.phase.load(std::memory_order_relaxed) == ServerPhase::draining) co_return std::nullopt;
        // As receive(), but every request waits here, so it does without another coroutine.
        auto [ec, count] = co_await socket_.async_read_some(in_.prepare(kReadBytes), kToken);
        in_.commit(count);
        if (has_timed_out_ && stage_ != Stage::idle) {
            co_await refuse({408, "request_timeout", "the header did not arrive in time"});
            co_return std::nullopt;
        }
        if (ec) co_return std::nullopt;
        if (stage_ == Stage::idle) enter(Stage::receiving_head, options.header_deadline);
    }
}

/// Reads the header and says how the body is framed, or why the request is refused.
std::optional<Session::Refusal> Session::parse_head(Incoming& incoming) const {
    const auto malformed = [](std::string_view why) { return Refusal{400, "malformed_request", std::string(why)}; };
    const ServerOptions& options = context_.options;
    if (incoming.head_bytes > options.max_header_bytes)
        return Refusal{431, "header_too_large", "the header is larger than this server takes"};
    const std::string_view block = in_.bytes().substr(0, incoming.head_bytes);
    if (const auto fault = fault_of_header_block(block)) return malformed(*fault);

    auto& parser = incoming.parser;
    parser.header_limit(static_cast<std::uint32_t>(options.max_header_bytes));
    parser.body_limit(boost::none);  // a Content-Length is checked below, a chunked body while it is received
    boost::system::error_code ec;
    parser.put(asio::buffer(block.data(), block.size()), ec);
    if (!parser.is_header_done()) return malformed(ec ? ec.message() : "the header cannot be read");
    if (const auto fault = fault_of_fields(parser.get().base(), incoming.framing)) return malformed(*fault);
    if (incoming.framing.content_length > options.max_body_bytes)
        return Refusal{413, "too_large", "the body is larger than this server takes"};
    return std::nullopt;
}

/// Receives the rest of the body. False when the session is over.
Task<bool> Session::receive_body(Incoming& incoming) {
    enter(Stage::receiving_body, context_.options.body_deadline);
    const auto expect = incoming.parser.get()[beast::http::field::expect];
    if (in_.bytes().size() == incoming.head_bytes && beast::iequals(expect, "100-continue")) {
        head_ = "HTTP/1.1 100 Continue\r\n\r\n";
        if (!co_await send({})) co_return false;
        enter(Stage::receiving_body, context_.options.body_deadline);
    }
    co_return incoming.framing.chunked ? co_await receive_chunked_body(incoming)
                                       : co_await receive_sized_body(incoming);
}

/// A body with a Content-Length is used as it stands in the read buffer.
Task<bool> Session::receive_sized_body(Incoming& incoming) {
    incoming.used_bytes += incoming.framing.content_length;
    while (in_.bytes().size() < incoming.used_bytes) {
        const bool is_open = co_await receive(std::min(incoming.used_bytes - in_.bytes().size(), kMaxKeptBytes));
        if (has_timed_out_) {
            co_await refuse({408, "request_timeout", "the body did not arrive in time"});
            co_return false;
        }
        if (!is_open) co_return false;
    }
    incoming.body = in_.bytes().substr(incoming.head_bytes, incoming.framing.content_length);
    co_return true;
}

/// A chunked body is put together by Beast's parser.
Task<bool> Session::receive_chunked_body(Incoming& incoming) {
    auto& parser = incoming.parser;
    incoming.head_of_chunked = parser.get().base();
    incoming.used_bytes = 0;
    in_.consume(incoming.head_bytes);
    parser.body_limit(context_.options.max_body_bytes);
    parser.eager(true);
    for (;;) {
        boost::system::error_code ec;
        in_.consume(parser.put(asio::buffer(in_.bytes().data(), in_.bytes().size()), ec));
        std::optional<Refusal> refusal;
        if (ec == beast::http::error::body_limit) {
            refusal = {413, "too_large", "the body is larger than this server takes"};
        } else if (ec && ec != beast::http::error::need_more) {
            refusal = {400, "malformed_request", ec.message()};
        } else if (parser.is_done()) {
            break;
        } else if (in_.bytes().size() > context_.options.max_header_bytes) {
            // What is left is an unfinished chunk line or trailer; Beast does not bound those.
            refusal = {400, "malformed_request", "a chunk line or trailer is too long"};
        }
        if (!refusal) {
            const bool is_open = co_await receive(kReadBytes);
            if (!is_open && !has_timed_out_) co_return false;
            if (has_timed_out_) refusal = {408, "request_timeout", "the body did not arrive in time"};
        }
        if (refusal) {
            co_await refuse(std::move(*refusal));
            co_return false;
        }
    }
    incoming.body = parser.get().body();
    co_return true;
}

/// Waits for bytes. False when there will be none: closed by the client, cancelled, broken.
Task<bool> Session::receive(std::size_t least) {
    auto [ec, count] = co_await socket_.async_read_some(in_.prepare(least), kToken);
    in_.commit(count);
    co_return !ec;
}

Exchange Session::begin_handling(Incoming& incoming) {
    enter(Stage::handling, context_.options.handler_deadline);
    handled_ = &incoming;
    return {incoming.head(), incoming.body, peer_ip_};
}

/// Writes the head of the answer to the handled request, and records the answer. Gives the body to be sent with it.
std::string_view Session::write_answer(const Response& response, bool keep_alive) {
    const Request& request = handled_->request;
    head_.clear();
    const Time now = context_.clock.now();
    context_.heads.write(head_, response, now, request.context.request_id, keep_alive);
    const std::string_view body = handled_->method() == "HEAD" ? std::string_view{} : response.body;
    context_.recorder.record(request, handled_->method(), response.status, head_.size() + body.size(), handled_->start,
                             now);
    return body;
}

/// Answers instead of a handler that takes too long. The handler runs to its end, and the session with its request
/// waits for that: to cut it off inside a transaction would be no safer, and its own calls all have deadlines.
void Session::answer_overdue() {
    is_overdue_ = true;
    const RequestContext& context = handled_->request.context;
    spdlog::warn("{} {} took longer than {} s request_id={}", handled_->method(), context.path,
                 context_.options.handler_deadline.count(), context.request_id);
    const Error error{Code::unavailable, "the request took too long; it may still be carried out", "deadline_exceeded"};
    const Response response = problem(error, context);
    const std::string_view body = write_answer(response, false);
    const std::array<asio::const_buffer, 2> parts{asio::buffer(head_), asio::buffer(body)};
    boost::system::error_code ignored;  // a client that cannot even take this sees the end of the connection
    socket_.write_some(parts, ignored);
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

/// Sends `head_` and then `body`, which must live until then. False when the session is broken.
Task<bool> Session::send(std::string_view body) { co_return send_at_once(body) || co_await send_rest(body); }

/// Sends what the socket's buffer has room for. True when that is all; else send_rest() follows.
bool Session::send_at_once(std::string_view body) {
    enter(Stage::sending, context_.options.write_deadline);
    const std::array<asio::const_buffer, 2> parts{asio::buffer(head_), asio::buffer(body)};
    boost::system::error_code ignored;  // send_rest() finds out, too, that a socket is broken
    sent_bytes_ = socket_.write_some(parts, ignored);
    return sent_bytes_ == asio::buffer_size(parts);
}

Task<bool> Session::send_rest(std::string_view body) {
    const std::size_t of_head = std::min(sent_bytes_, head_.size());
    const std::array<asio::const_buffer, 2> rest{asio::buffer(head_) + of_head,
                                                 asio::buffer(body) + (sent_bytes_ - of_head)};
    auto [ec, count] = co_await asio::async_write(socket_, rest, kToken);
    co_return !ec;
}

/// Answers what cannot be read, or is not waited for, and ends the session.
Task<void> Session::refuse(Refusal refusal) {
    const Error error{Code::invalid, std::move(refusal.detail), std::string(refusal.code)};
    const Response response = problem(refusal.status, error, RequestContext{});
    head_.clear();
    context_.heads.write(head_, response, context_.clock.now(), {}, false);
    metrics::counter("guildhall_http_refused_total", "Requests that could not be read",
                     {{"status", std::to_string(refusal.status)}})
        .add();
    has_timed_out_ = false;
    if (!co_await send(response.body)) co_return;
    // The client may still be sending: closing at once would reset the connection before it has read the answer
    // (RFC 9112 §9.6).
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    enter(Stage::sending, kLingerDeadline);
    std::size_t discarded = 0;
    while (discarded < kMaxLingerBytes && !has_timed_out_) {
        in_.consume(in_.bytes().size());
        if (!co_await receive(kReadBytes)) co_return;
        discarded += in_.bytes().size();
    }
}

}  // namespace guildhall::http
