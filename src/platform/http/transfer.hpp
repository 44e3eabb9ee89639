#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <curl/curl.h>

#include "platform/async/task.hpp"
#include "platform/http/client_response.hpp"

namespace guildhall::http {

class Transfers;

/// One try of a request: what is sent, and how it ended. Belongs to one io_context and is used on its thread only.
class Transfer {
public:
    using SteadyTime = std::chrono::steady_clock::time_point;
    /// What to send, and its limits.
    struct Order {
        std::string method;
        std::string url;
        std::string_view body;             // lives as long as the transfer
        std::vector<std::string> headers;  // "Name: value"
        std::chrono::milliseconds connect_deadline;
        std::size_t max_answer_bytes;
        bool may_reuse_connection;
    };
    /// How it ended.
    enum class End { answered, failed, too_large, timed_out, stopped };

    Transfer(boost::asio::io_context& io, const Order& order);
    ~Transfer();
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    /// Sends the request and waits for the end of the answer, at most until `deadline`. Throws std::invalid_argument
    /// for an invalid URL.
    Task<End> run(SteadyTime deadline);
    /// Ends run() with `stopped`.
    void stop();

    /// The answer, after `answered`.
    ClientResponse& response() { return response_; }
    /// Why it failed, after `failed`.
    std::string reason() const;
    /// How many connections were opened for it.
    long connects() const { return connects_; }

private:
    friend class Transfers;
    static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self);
    static std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* self);
    bool accepts(std::size_t bytes);
    /// Called by Transfers when libcurl has ended it.
    void finish(CURLcode code);

    Transfers& transfers_;
    boost::asio::steady_timer end_;
    CURL* easy_;
    curl_slist* headers_ = nullptr;
    char error_[CURL_ERROR_SIZE] = "";
    const std::size_t max_bytes_;
    std::size_t bytes_ = 0;
    bool is_too_large_ = false;
    bool is_over_ = false;
    bool is_stopped_ = false;
    CURLcode code_ = CURLE_OK;
    long connects_ = 0;
    ClientResponse response_;
};

/// The transfers of one io_context: libcurl's multi handle, its sockets and its timer, driven by the io_context. Made
/// at the first use; ends with the io_context.
class Transfers final : public boost::asio::execution_context::service {
public:
    using key_type = Transfers;
    static inline boost::asio::execution_context::id id;

    explicit Transfers(boost::asio::execution_context& context);
    ~Transfers() override = default;

    /// An easy handle without options; to be given back.
    CURL* take_handle();
    void give_back(CURL* easy);
    /// Starts the transfer; its finish() is called when it has ended.
    void add(Transfer& transfer);
    /// Ends the transfer if it still runs; finish() is not called.
    void remove(Transfer& transfer);

private:
    struct Socket {
        explicit Socket(boost::asio::io_context& io) : descriptor(io) {}
        boost::asio::posix::stream_descriptor descriptor;  // released, not closed: the socket is libcurl's
        curl_socket_t number = CURL_SOCKET_BAD;
        bool is_open = true;
        bool wants_read = false;
        bool wants_write = false;
        bool waits_read = false;
        bool waits_write = false;
    };
    using SocketPointer = std::shared_ptr<Socket>;

    static int on_socket(CURL* easy, curl_socket_t number, int what, void* self, void* unused);
    static int on_timer(CURLM* multi, long milliseconds, void* self);
    void watch(const SocketPointer& socket);
    void forget(curl_socket_t number);
    void act(curl_socket_t number, int events);
    void shutdown() noexcept override;

    boost::asio::io_context& io_;
    std::unique_ptr<boost::asio::steady_timer> timer_;
    CURLM* multi_;
    std::unordered_map<curl_socket_t, SocketPointer> sockets_;
    std::unordered_map<CURL*, Transfer*> running_;
    std::vector<CURL*> spare_;
};

}  // namespace guildhall::http
