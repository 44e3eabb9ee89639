#include "platform/http/session.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <spdlog/spdlog.h>

#include "platform/base/metrics.hpp"
#include "platform/http/chunked_body.hpp"

namespace guildhall::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

// Costs no coroutine frame of its own, as use_awaitable would.
constexpr auto kToken = asio::as_tuple(asio::deferred);
constexpr std::string_view kEndOfHead = "\r\n\r\n";
constexpr std::size_t kReadBytes = ReadBuffer::kOwnBytes;
constexpr std::chrono::seconds kLingerDeadline{1};
constexpr std::chrono::seconds kTurnAwayDeadline{1};
constexpr std::size_t kMaxLingerBytes = 4 << 20;
// A refused body of this size is received and thrown away, which costs less than a new connection.
constexpr std::size_t kMaxDiscardedBytes = 64 << 10;

Refusal malformed(std::string_view why) { return {400, "malformed_request", std::string(why)}; }

Refusal overloaded() {
    return {503, "unavailable", "the server holds as many requests as it can; nothing was changed; try again"};
}

}  // namespace

/// A request while it is received and answered.
struct Session::Incoming {
    explicit Incoming(std::size_t head_size) : head_bytes(head_size), used_bytes(head_size) {}

    bool expects_continue() const { return beast::iequals(head()[beast::http::field::expect], "100-continue"); }
    bool has_body() const { return framing.chunked || framing.content_length > 0; }
    const beast::http::request_header<>& head() const { return parser.get().base(); }
    std::string_view method() const {
        const auto text = head().method_string();
        return {text.data(), text.size()};
    }

    const SteadyTime start = std::chrono::steady_clock::now();
    const std::size_t head_bytes;
    std::size_t used_bytes;  // of the read buffer, to be consumed after the answer
    beast::http::request_parser<beast::http::empty_body> parser;
    Framing framing;
    bool is_body_received = false;
    bool is_broken = false;  // what follows in the socket cannot be told apart from the body
    Request request;
};

/// The body of the request that is answered, as the dispatcher asks for it.
class Session::Body final : public RequestBody {
public:
    Body(Session& session, Incoming& incoming) : session_(session), incoming_(incoming) {}

    Task<std::expected<std::string_view, Refusal>> receive(std::size_t max_bytes) override {
        session_.enter(Stage::receiving_body, session_.context_.options.body_deadline);
        std::optional<Refusal> refusal;
        if (incoming_.framing.content_length > max_bytes) {
            refusal = too_large();
        } else if (session_.in_.bytes().size() == incoming_.head_bytes && incoming_.expects_continue()) {
            refusal = co_await invite();
        }
        if (!refusal)
            refusal = incoming_.framing.chunked ? co_await receive_chunks(max_bytes) : co_await receive_sized();
        session_.enter(Stage::handling, session_.context_.options.handler_deadline);
        if (refusal) {
            incoming_.is_broken = true;
            incoming_.used_bytes = session_.in_.bytes().size();
            co_return std::unexpected(std::move(*refusal));
        }
        incoming_.is_body_received = true;
        co_return session_.in_.bytes().substr(incoming_.head_bytes, incoming_.used_bytes - incoming_.head_bytes);
    }

private:
    static std::optional<Refusal> too_large() {
        return Refusal{413, "too_large", "the body is larger than this server takes"};
    }

    /// Sends 100 Continue to a client that waits for it.
    Task<std::optional<Refusal>> invite() {
        session_.head_ = "HTTP/1.1 100 Continue\r\n\r\n";
        if (!co_await session_.send({})) co_return malformed("the connection has ended");
        session_.enter(Stage::receiving_body, session_.context_.options.body_deadline);
        co_return std::nullopt;
    }

    /// Waits for at least one more byte.
    Task<std::optional<Refusal>> receive_more(std::size_t missing) {
        // As much again as there is: so that memory is used for what has come, not for what was announced.
        const std::size_t room = std::min(missing, std::max(kReadBytes, session_.in_.bytes().size()));
        const bool is_received = co_await session_.receive(room);
        if (std::exchange(session_.has_timed_out_, false))
            co_return Refusal{408, "request_timeout", "the body did not arrive in time"};
        if (session_.is_out_of_memory_) co_return overloaded();
        if (!is_received) co_return malformed("the body ended before its announced end");
        co_return std::nullopt;
    }

    /// A body with a Content-Length is used as it stands in the read buffer.
    Task<std::optional<Refusal>> receive_sized() {
        incoming_.used_bytes += incoming_.framing.content_length;
        while (session_.in_.bytes().size() < incoming_.used_bytes)
            if (auto refusal = co_await receive_more(incoming_.used_bytes - session_.in_.bytes().size()))
                co_return refusal;
        co_return std::nullopt;
    }

    /// A chunked body is decoded where it stands in the read buffer.
    Task<std::optional<Refusal>> receive_chunks(std::size_t max_bytes) {
        ChunkedBody body(session_.context_.options.max_header_bytes);
        for (;;) {
            const auto step = body.decode(session_.in_.writable().subspan(incoming_.used_bytes));
            session_.in_.cut(incoming_.used_bytes + step.data, step.used - step.data);
            incoming_.used_bytes += step.data;
            if (const auto fault = body.fault()) co_return malformed(*fault);
            if (incoming_.used_bytes - incoming_.head_bytes > max_bytes) co_return too_large();
            if (body.is_done()) co_return std::nullopt;
            const std::size_t missing = max_bytes - (incoming_.used_bytes - incoming_.head_bytes);
            if (auto refusal = co_await receive_more(std::max(missing, kReadBytes))) co_return refusal;
        }
    }

    Session& session_;
    Incoming& incoming_;
};

Session::Session(tcp::socket socket, Peer peer, SessionContext& context)
    : socket_(std::move(socket)), context_(context), peer_(std::move(peer)) {}

void Session::prepare_socket() {
    boost::system::error_code ignored;  // a socket that is broken fails at its first use
    socket_.set_option(tcp::no_delay(true), ignored);
    socket_.non_blocking(true, ignored);
}

Task<void> Session::run() {
    prepare_socket();
    co_await converse();
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

Task<void> Session::turn_away(Refusal refusal) {
    prepare_socket();
    // The header says which origin may read the answer, and the client must have sent it or closing would lose that.
    enter(Stage::receiving_head, kTurnAwayDeadline);
    while (!in_.bytes().contains(kEndOfHead) && in_.bytes().size() < kReadBytes && !has_timed_out_)
        if (!co_await receive(1) && !has_timed_out_) co_return;
    co_await refuse(std::move(refusal));
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

        handled_ = &incoming;
        enter(Stage::handling, context_.options.handler_deadline);
        Body body(*this, incoming);
        const Exchange exchange{incoming.head(), peer_, incoming.has_body() ? &body : nullptr};
        const Response response = co_await context_.dispatcher.answer(exchange, incoming.request);
        if (is_overdue_) co_return;
        const bool goes_on = goes_on_after(incoming);
        const std::string_view answer = write_answer(response, goes_on);
        const bool is_unread = !incoming.is_body_received && !incoming.is_broken;
        const std::size_t unread = is_unread ? incoming.framing.content_length : 0;
        const std::size_t skipped = std::min(unread, in_.bytes().size() - incoming.used_bytes);
        in_.consume(incoming.used_bytes + skipped);
        // Most answers fit into the socket's buffer: then neither a coroutine nor a turn of the reactor is needed.
        if (!send_at_once(answer) && !co_await send_rest(answer)) co_return;
        if (has_timed_out_) co_return;
        if (!goes_on) {
            if (incoming.has_body() && !incoming.is_body_received) co_await linger();
            co_return;
        }
        if (unread > skipped && !co_await discard(unread - skipped)) co_return;
    }
}

/// True when another request may follow on this connection.
bool Session::goes_on_after(const Incoming& incoming) const {
    if (!incoming.parser.get().keep_alive() || context_.phase.load(std::memory_order_relaxed) != ServerPhase::serving)
        return false;
    if (incoming.is_body_received || !incoming.has_body()) return true;
    // A client that waits for 100 Continue may send its body or not (RFC 9110 §10.1.1).
    return !incoming.is_broken && !incoming.framing.chunked && !incoming.expects_continue() &&
           incoming.framing.content_length <= kMaxDiscardedBytes;
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
        const auto room = in_.prepare(kReadBytes);
        if (room.size() == 0) {
            co_await refuse(overloaded());
            co_return std::nullopt;
        }
        auto [ec, count] = co_await socket_.async_read_some(room, kToken);
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
std::optional<Refusal> Session::parse_head(Incoming& incoming) const {
    const ServerOptions& options = context_.options;
    if (incoming.head_bytes > options.max_header_bytes)
        return Refusal{431, "header_too_large", "the header is larger than this server takes"};
    const std::string_view block = in_.bytes().substr(0, incoming.head_bytes);
    if (const auto fault = fault_of_header_block(block)) return malformed(*fault);

    auto& parser = incoming.parser;
    parser.header_limit(static_cast<std::uint32_t>(options.max_header_bytes));
    parser.body_limit(boost::none);  // Body does that
    boost::system::error_code ec;
    parser.put(asio::buffer(block.data(), block.size()), ec);
    if (!parser.is_header_done()) return malformed(ec ? ec.message() : "the header cannot be read");
    if (const auto fault = fault_of_fields(parser.get().base(), incoming.framing)) return malformed(*fault);
    return std::nullopt;
}

/// Waits for bytes. False when there will be none: closed by the client, cancelled, broken, or no memory is left.
Task<bool> Session::receive(std::size_t least) {
    const auto room = in_.prepare(least);
    is_out_of_memory_ = room.size() == 0;
    if (is_out_of_memory_) co_return false;
    auto [ec, count] = co_await socket_.async_read_some(room, kToken);
    in_.commit(count);
    co_return !ec;
}

/// Receives `count` bytes that nobody needs. False when the session is over.
Task<bool> Session::discard(std::size_t count) {
    enter(Stage::receiving_body, context_.options.body_deadline);
    while (count > 0) {
        if (!co_await receive(1)) co_return false;
        const std::size_t discarded = std::min(count, in_.bytes().size());
        in_.consume(discarded);
        count -= discarded;
    }
    co_return true;
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
    const Exchange exchange{handled_->head(), peer_, nullptr};
    const Response response = context_.dispatcher.answer_overdue(exchange, handled_->request);
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
    const auto start = std::chrono::steady_clock::now();
    Request request;
    const HeadExcerpt head = excerpt_of(in_.bytes());
    const Response response = context_.dispatcher.refuse(refusal, head, peer_, request);
    head_.clear();
    const Time now = context_.clock.now();
    context_.heads.write(head_, response, now, request.context.request_id, false);
    metrics::counter("guildhall_http_refused_total", "Requests that could not be read",
                     {{"status", std::to_string(refusal.status)}})
        .add();
    context_.recorder.record(request, head.method, response.status, head_.size() + response.body.size(), start, now);
    has_timed_out_ = false;
    if (!co_await send(response.body)) co_return;
    co_await linger();
}

/// Ends the session without a loss of its last answer: closing while the client is still sending would reset the
/// connection before it has read that (RFC 9112 §9.6).
Task<void> Session::linger() {
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
