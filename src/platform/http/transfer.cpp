#include "platform/http/transfer.hpp"

#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/base/text.hpp"

namespace guildhall::http {
namespace {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;

constexpr long kMaxConnections = 64;  // kept by a thread, to all peers together
constexpr std::size_t kMaxSpareHandles = 64;
// Less than the idle deadline of our own server (75 s): the client gives a connection up before its peer closes it.
constexpr long kMaxIdleSeconds = 60;
// New replicas must get their share of the requests.
constexpr long kMaxAgeSeconds = 120;
constexpr long kDnsCacheSeconds = 10;

struct Curl {
    Curl() {
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
            throw std::runtime_error("libcurl cannot be initialised");
    }
};

Transfers& transfers_of(asio::io_context& io) {
    static const Curl started;
    return asio::use_service<Transfers>(io);
}

}  // namespace

Transfer::Transfer(asio::io_context& io, const Order& order)
    : transfers_(transfers_of(io)), end_(io), easy_(transfers_.take_handle()), max_bytes_(order.max_answer_bytes) {
    const auto set = [this](auto option, auto value) { return curl_easy_setopt(easy_, option, value); };
    set(CURLOPT_PRIVATE, this);
    set(CURLOPT_ERRORBUFFER, error_);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // else a cancelled look-up of a name blocks this thread until it ends
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_PROXY, "");  // else that of the environment
    set(CURLOPT_MAXAGE_CONN, kMaxIdleSeconds);
    set(CURLOPT_MAXLIFETIME_CONN, kMaxAgeSeconds);
    set(CURLOPT_DNS_CACHE_TIMEOUT, kDnsCacheSeconds);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(order.connect_deadline.count()));
    set(CURLOPT_URL, order.url.c_str());
    set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(CURLOPT_HEADERDATA, this);
    if (order.method == "HEAD") {
        set(CURLOPT_NOBODY, 1L);
    } else if (order.method != "GET") {
        set(CURLOPT_POST, 1L);
        set(CURLOPT_CUSTOMREQUEST, order.method.c_str());
        set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(order.body.size()));
        set(CURLOPT_POSTFIELDS, order.body.data() ? order.body.data() : "");
    }
    // When the peer closes a kept connection, libcurl sends the request a second time.
    if (!order.may_reuse_connection) set(CURLOPT_FRESH_CONNECT, 1L);
    headers_ = curl_slist_append(headers_, "Expect:");  // no extra round trip for large bodies
    for (const std::string& header : order.headers) headers_ = curl_slist_append(headers_, header.c_str());
    set(CURLOPT_HTTPHEADER, headers_);
}

Transfer::~Transfer() {
    transfers_.remove(*this);
    transfers_.give_back(easy_);
    curl_slist_free_all(headers_);
}

bool Transfer::accepts(std::size_t bytes) {
    bytes_ += bytes;
    is_too_large_ = bytes_ > max_bytes_;
    return !is_too_large_;
}

std::size_t Transfer::on_body(char* bytes, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (!transfer.accepts(size * count)) return 0;
    transfer.response_.body.append(bytes, size * count);
    return size * count;
}

std::size_t Transfer::on_header(char* bytes, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (!transfer.accepts(size * count)) return 0;
    const std::string_view line(bytes, size * count);
    if (line.starts_with("HTTP/")) transfer.response_.headers.clear();  // what came before belonged to a 1xx
    const auto colon = line.find(':');
    if (colon != std::string_view::npos)
        transfer.response_.headers.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
    return size * count;
}

Task<Transfer::End> Transfer::run(SteadyTime deadline) {
    if (!is_over_) {
        end_.expires_at(deadline);
        transfers_.add(*this);
        // is_over_ tells whether finish() has cancelled the timer or the deadline has passed.
        co_await end_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    if (is_stopped_) co_return End::stopped;
    if (!is_over_) co_return End::timed_out;
    if (is_too_large_) co_return End::too_large;
    if (code_ == CURLE_URL_MALFORMAT || code_ == CURLE_UNSUPPORTED_PROTOCOL)
        throw std::invalid_argument("not an HTTP URL: " + reason());
    co_return code_ == CURLE_OK ? End::answered : End::failed;
}

void Transfer::stop() {
    is_stopped_ = true;
    is_over_ = true;
    end_.cancel();
}

void Transfer::finish(CURLcode code) {
    code_ = code;
    is_over_ = true;
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &connects_);
    end_.cancel();
}

std::string Transfer::reason() const { return *error_ ? error_ : curl_easy_strerror(code_); }

Transfers::Transfers(asio::execution_context& context)
    : service(context),
      io_(static_cast<asio::io_context&>(context)),
      timer_(std::make_unique<asio::steady_timer>(io_)),
      multi_(curl_multi_init()) {
    if (!multi_) throw std::bad_alloc();
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Transfers::on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Transfers::on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kMaxConnections);
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
}

// The timers' service destroys the coroutines that wait for transfers after this.
void Transfers::shutdown() noexcept {
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, nullptr);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, nullptr);
    while (!sockets_.empty()) forget(sockets_.begin()->first);
    for (const auto& [easy, transfer] : std::exchange(running_, {})) curl_multi_remove_handle(multi_, easy);
    curl_multi_cleanup(std::exchange(multi_, nullptr));
    for (CURL* easy : std::exchange(spare_, {})) curl_easy_cleanup(easy);
    timer_.reset();
}

CURL* Transfers::take_handle() {
    if (spare_.empty()) {
        CURL* easy = curl_easy_init();
        if (!easy) throw std::bad_alloc();
        return easy;
    }
    CURL* easy = spare_.back();
    spare_.pop_back();
    return easy;
}

void Transfers::give_back(CURL* easy) {
    if (!multi_ || spare_.size() >= kMaxSpareHandles) return curl_easy_cleanup(easy);
    curl_easy_reset(easy);
    spare_.push_back(easy);
}

void Transfers::add(Transfer& transfer) {
    running_.emplace(transfer.easy_, &transfer);
    curl_multi_add_handle(multi_, transfer.easy_);  // sets the timer, which starts the transfer
}

void Transfers::remove(Transfer& transfer) {
    if (running_.erase(transfer.easy_) > 0) curl_multi_remove_handle(multi_, transfer.easy_);
}

int Transfers::on_socket(CURL*, curl_socket_t number, int what, void* self, void*) {
    auto& transfers = *static_cast<Transfers*>(self);
    if (what == CURL_POLL_REMOVE) {
        transfers.forget(number);
        return 0;
    }
    SocketPointer& socket = transfers.sockets_[number];
    if (!socket) {
        socket = std::make_shared<Socket>(transfers.io_);
        socket->number = number;
        boost::system::error_code failure;
        socket->descriptor.assign(number, failure);
        if (failure) {
            transfers.sockets_.erase(number);
            return -1;
        }
    }
    socket->wants_read = (what & CURL_POLL_IN) != 0;
    socket->wants_write = (what & CURL_POLL_OUT) != 0;
    transfers.watch(SocketPointer(socket));
    return 0;
}

void Transfers::watch(const SocketPointer& socket) {
    const auto wait = [&](auto kind, bool& waits, const bool& wants, int event) {
        if (!wants || waits) return;
        waits = true;
        socket->descriptor.async_wait(kind, [this, socket, &waits, &wants, event](boost::system::error_code failure) {
            waits = false;
            if (!socket->is_open || failure == asio::error::operation_aborted) return;
            if (wants) act(socket->number, failure ? CURL_CSELECT_ERR : event);
            if (socket->is_open) watch(socket);
        });
    };
    wait(stream_descriptor::wait_read, socket->waits_read, socket->wants_read, CURL_CSELECT_IN);
    wait(stream_descriptor::wait_write, socket->waits_write, socket->wants_write, CURL_CSELECT_OUT);
}

void Transfers::forget(curl_socket_t number) {
    const auto found = sockets_.find(number);
    if (found == sockets_.end()) return;
    found->second->is_open = false;
    found->second->descriptor.release();
    sockets_.erase(found);
}

int Transfers::on_timer(CURLM*, long milliseconds, void* self) {
    auto& transfers = *static_cast<Transfers*>(self);
    if (milliseconds < 0) {
        transfers.timer_->cancel();
        return 0;
    }
    transfers.timer_->expires_after(std::chrono::milliseconds(milliseconds));
    transfers.timer_->async_wait([&transfers](boost::system::error_code cancelled) {
        if (!cancelled) transfers.act(CURL_SOCKET_TIMEOUT, 0);
    });
    return 0;
}

void Transfers::act(curl_socket_t number, int events) {
    int left = 0;
    curl_multi_socket_action(multi_, number, events, &left);
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        CURL* easy = message->easy_handle;
        const CURLcode code = message->data.result;
        Transfer* transfer = running_.at(easy);
        remove(*transfer);
        transfer->finish(code);
    }
}

}  // namespace guildhall::http
