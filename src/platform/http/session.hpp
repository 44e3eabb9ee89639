#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

#include "platform/async/task.hpp"
#include "platform/http/dispatcher.hpp"
#include "platform/http/read_buffer.hpp"
#include "platform/http/request_recorder.hpp"
#include "platform/http/response_head.hpp"
#include "platform/http/server_options.hpp"

namespace guildhall::http {

/// How far a server is on its way to its end.
enum class ServerPhase {
    serving,
    closing,   // answers end their session
    draining,  // and no further request is awaited
};

/// What the sessions of one thread share.
struct SessionContext {
    const ServerOptions& options;
    Dispatcher& dispatcher;
    const std::atomic<ServerPhase>& phase;
    const Clock& clock;
    ReceiveBudget& budget;
    ResponseHeads heads;
    RequestRecorder recorder;
};

/// The conversation with one client over one socket: reads its requests and sends the answers, one after the other.
/// Lives on one thread.
class Session {
public:
    using SteadyTime = std::chrono::steady_clock::time_point;

    Session(boost::asio::ip::tcp::socket socket, Peer peer, SessionContext& context);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Serves until the client leaves, a request is refused, or the server ends.
    Task<void> run();
    /// Answers the first request with `refusal`, which came before it, and ends.
    Task<void> turn_away(Refusal refusal);

    /// Acts when the deadline of the current stage has passed: answers instead of a handler that takes too long,
    /// and gives up any other wait. Called twice a second; the time of a stage counts from the first call in it.
    void enforce_deadline(SteadyTime now);
    /// Ends the session unless a whole header has arrived: that request is still answered.
    void drain();
    /// Closes the socket, whatever the session does.
    void close();

private:
    /// What the session waits for; each stage has a deadline.
    enum class Stage { idle, receiving_head, receiving_body, handling, sending };
    struct Incoming;
    class Body;

    void prepare_socket();
    Task<void> converse();
    Task<std::optional<std::size_t>> receive_head();
    std::optional<Refusal> parse_head(Incoming& incoming) const;
    Task<bool> receive(std::size_t least);
    Task<bool> discard(std::size_t count);
    bool goes_on_after(const Incoming& incoming) const;
    std::string_view write_answer(const Response& response, bool keep_alive);
    Task<bool> send(std::string_view body);
    bool send_at_once(std::string_view body);
    Task<bool> send_rest(std::string_view body);
    Task<void> refuse(Refusal refusal);
    Task<void> linger();
    void answer_overdue();
    void enter(Stage stage, std::chrono::seconds limit);

    boost::asio::ip::tcp::socket socket_;
    SessionContext& context_;
    const Peer peer_;
    Stage stage_ = Stage::idle;
    std::chrono::seconds limit_{0};       // of the stage
    std::optional<SteadyTime> deadline_;  // of the stage; set when enforce_deadline() first sees it
    bool has_timed_out_ = false;          // the deadline passed: what waits is cancelled
    Incoming* handled_ = nullptr;         // the request that is answered
    bool is_out_of_memory_ = false;       // receive() failed because the budget is used up
    bool is_overdue_ = false;             // answer_overdue() has answered it
    ReadBuffer in_{context_.budget};
    std::string head_;            // of the answer
    std::size_t sent_bytes_ = 0;  // of that and the body
};

}  // namespace guildhall::http
