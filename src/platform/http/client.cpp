#include "platform/http/client.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <list>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "platform/async/backoff.hpp"
#include "platform/async/call.hpp"
#include "platform/async/task_group.hpp"
#include "platform/base/metrics.hpp"
#include "platform/base/result.hpp"
#include "platform/http/circuit_breaker.hpp"
#include "platform/http/transfer.hpp"

namespace guildhall::http {
namespace {

namespace asio = boost::asio;
using Steady = std::chrono::steady_clock;
using End = Transfer::End;

constexpr std::chrono::milliseconds kFirstPause{10};
constexpr std::chrono::milliseconds kMaxPause{100};
// A timeout of a request that had less time than this does not count against the peer.
constexpr std::chrono::milliseconds kFairDeadline{100};

/// Why a try has no answer; the names are those of the metric.
enum class Failure { away, timeout, too_large, stopped, breaker_open, full };
constexpr std::array<const char*, 6> kFailureNames{"away", "timeout", "too_large", "stopped", "breaker_open", "full"};

/// What all threads know about one peer.
struct CalledPeer {
    CalledPeer(const std::string& name, const ClientOptions& options)
        : breaker(options.breaker_failures, options.breaker_open_for),
          answered(counter(name, "answered")),
          duration(metrics::histogram("guildhall_client_request_seconds", "Time of requests to other servers",
                                      {{"peer", name}})),
          connects(metrics::counter("guildhall_client_connects_total", "Connections opened to other servers",
                                    {{"peer", name}})),
          retries(metrics::counter("guildhall_client_retries_total", "Requests to other servers that were sent again",
                                   {{"peer", name}})),
          running(
              metrics::gauge("guildhall_client_in_flight", "Requests to other servers in flight", {{"peer", name}})),
          open(metrics::gauge("guildhall_client_breaker_open", "1 while the breaker of a peer is open",
                              {{"peer", name}})) {
        for (std::size_t i = 0; i < failed.size(); ++i) failed[i] = &counter(name, kFailureNames[i]);
    }
    static metrics::Counter& counter(const std::string& name, const char* outcome) {
        return metrics::counter("guildhall_client_requests_total", "Requests to other servers by how they ended",
                                {{"peer", name}, {"outcome", outcome}});
    }

    CircuitBreaker breaker;
    RetryBudget retry_budget;
    std::atomic<std::size_t> in_flight{0};
    metrics::Counter& answered;
    std::array<metrics::Counter*, kFailureNames.size()> failed{};
    metrics::Histogram& duration;
    metrics::Counter& connects;
    metrics::Counter& retries;
    metrics::Gauge& running;
    metrics::Gauge& open;
};

/// Counts a request among those in flight.
class Place {
public:
    explicit Place(CalledPeer& peer) : peer_(peer) {
        in_front_ = peer_.in_flight.fetch_add(1);
        peer_.running.add(1);
    }
    ~Place() {
        peer_.in_flight.fetch_sub(1);
        peer_.running.add(-1);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    std::size_t in_front() const { return in_front_; }

private:
    CalledPeer& peer_;
    std::size_t in_front_;
};

/// The breaker's pass for one request. Unless report() was called, the breaker learns nothing about the peer.
class Admission {
public:
    explicit Admission(CalledPeer& peer) : peer_(peer), pass_(peer.breaker.enter(Steady::now())) {}
    ~Admission() {
        if (pass_) peer_.breaker.leave(*pass_);
    }
    Admission(const Admission&) = delete;
    Admission& operator=(const Admission&) = delete;
    explicit operator bool() const { return pass_.has_value(); }

    void report(bool is_available) {
        is_available ? peer_.breaker.succeed(*pass_) : peer_.breaker.fail(*pass_, Steady::now());
        pass_.reset();
        peer_.open.set(peer_.breaker.is_open() ? 1 : 0);
    }

private:
    CalledPeer& peer_;
    std::optional<CircuitBreaker::Pass> pass_;
};

std::vector<std::string> header_lines(const ClientRequest& request, const CallPointer& call) {
    std::vector<std::string> lines;
    lines.reserve(request.headers.size() + 2);
    for (const auto& [name, value] : request.headers) lines.emplace_back(name).append(": ").append(value);
    if (call && !call->request_id.empty()) lines.push_back("X-Request-Id: " + call->request_id);
    if (call && !call->traceparent.empty()) lines.push_back("traceparent: " + call->traceparent);
    return lines;
}

bool is_unavailable(int status) { return status == 502 || status == 503 || status == 504; }

}  // namespace

struct Client::State {
    explicit State(ClientOptions given) : options(given) {}

    CalledPeer& peer(const std::string& name);
    [[noreturn]] static void fail(CalledPeer& peer, Failure failure, const std::string& what) {
        peer.failed[static_cast<std::size_t>(failure)]->add();
        if (failure == Failure::breaker_open || failure == Failure::full) throw NotSent(what);
        throw Unavailable(what);
    }
    /// How one try ended: with the response, or with a failure.
    struct Try {
        std::optional<ClientResponse> response;
        Failure failure{};
        std::string what;
    };
    Task<Try> attempt(CalledPeer& peer, const ClientRequest& request, const Transfer::Order& order,
                      Steady::time_point deadline);

    /// Where stop() finds the transfers.
    struct Entry {
        asio::any_io_executor executor;
        std::weak_ptr<Transfer> transfer;
    };
    struct Listed {
        State& state;
        std::list<Entry>::iterator place;
        Listed(State& s, Entry entry) : state(s) {
            const std::lock_guard lock(state.transfers_mutex);
            place = state.transfers.insert(state.transfers.end(), std::move(entry));
        }
        ~Listed() {
            const std::lock_guard lock(state.transfers_mutex);
            state.transfers.erase(place);
        }
        Listed(const Listed&) = delete;
        Listed& operator=(const Listed&) = delete;
    };

    const ClientOptions options;
    std::atomic<bool> is_stopped{false};
    std::shared_mutex peers_mutex;
    std::unordered_map<std::string, std::unique_ptr<CalledPeer>> peers;
    std::mutex transfers_mutex;
    std::list<Entry> transfers;
};

CalledPeer& Client::State::peer(const std::string& name) {
    {
        const std::shared_lock lock(peers_mutex);
        if (const auto found = peers.find(name); found != peers.end()) return *found->second;
    }
    const std::unique_lock lock(peers_mutex);
    auto& made = peers[name];
    if (!made) made = std::make_unique<CalledPeer>(name, options);
    return *made;
}

Task<Client::State::Try> Client::State::attempt(CalledPeer& peer, const ClientRequest& request,
                                                const Transfer::Order& order, Steady::time_point deadline) {
    Admission admission(peer);
    if (!admission) co_return Try{{}, Failure::breaker_open, "is not asked: its circuit breaker is open"};
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto& io = static_cast<asio::io_context&>(asio::query(executor, asio::execution::context));
    const auto transfer = std::make_shared<Transfer>(io, order);
    const Listed listed(*this, {io.get_executor(), transfer});
    if (is_stopped) co_return Try{{}, Failure::stopped, "is not asked: this process is ending"};

    const auto start = Steady::now();
    const End end = co_await transfer->run(deadline);
    peer.duration.observe(Steady::now() - start);
    if (transfer->connects() > 0) peer.connects.add(static_cast<double>(transfer->connects()));
    switch (end) {
    case End::stopped: co_return Try{{}, Failure::stopped, "is not asked: this process is ending"};
    case End::timed_out:
        if (deadline - start >= kFairDeadline) admission.report(false);
        co_return Try{{}, Failure::timeout, "did not answer in time"};
    case End::too_large:
        admission.report(true);
        co_return Try{
            {}, Failure::too_large, "answered more than " + std::to_string(options.max_answer_bytes) + " bytes"};
    case End::failed:
        admission.report(false);
        co_return Try{{}, Failure::away, "is unavailable: " + transfer->reason()};
    case End::answered: break;
    }
    ClientResponse& response = transfer->response();
    admission.report(!is_unavailable(response.status));
    if (is_unavailable(response.status))
        co_return Try{{}, Failure::away, "answered " + std::to_string(response.status) + " to " + request.url};
    co_return Try{std::move(response), {}, {}};
}

Client::Client(ClientOptions options) : state_(new State(options)) {}
Client::~Client() = default;

Task<ClientResponse> Client::send(ClientRequest request) {
    CalledPeer& peer = state_->peer(request.peer);
    const ClientOptions& options = state_->options;
    const CallPointer call = co_await current_call();
    auto deadline = Steady::now() + request.deadline.value_or(options.deadline);
    if (call) deadline = std::min(deadline, call->deadline);

    const Place place(peer);
    if (place.in_front() >= options.max_in_flight)
        State::fail(peer, Failure::full, request.peer + ": too many requests are in flight");
    const Transfer::Order order{request.method,
                                request.url,
                                request.body,
                                header_lines(request, call),
                                options.connect_deadline,
                                options.max_answer_bytes,
                                request.is_idempotent};
    peer.retry_budget.deposit();
    Backoff pause(kFirstPause, kMaxPause);
    std::optional<State::Try> first;
    for (std::size_t tries = 1;; ++tries) {
        if (Steady::now() >= deadline) State::fail(peer, Failure::timeout, request.peer + ": the deadline has passed");
        State::Try tried = co_await state_->attempt(peer, request, order, deadline);
        if (tried.response) {
            peer.answered.add();
            co_return std::move(*tried.response);
        }
        const auto wait = pause.next();
        const bool may_retry = tried.failure == Failure::away && request.is_idempotent && tries < options.max_tries &&
                               Steady::now() + wait < deadline && !state_->is_stopped &&
                               peer.retry_budget.withdraw(Steady::now());
        if (!may_retry) {
            // The breaker opened after the first try: that one is the reason why there is no answer.
            const State::Try& reason = first && tried.failure == Failure::breaker_open ? *first : tried;
            State::fail(peer, reason.failure, request.peer + " " + reason.what);
        }
        if (!first) first = std::move(tried);
        peer.retries.add();
        co_await sleep_for(wait);
    }
}

void Client::stop() {
    state_->is_stopped = true;
    const std::lock_guard lock(state_->transfers_mutex);
    for (const auto& entry : state_->transfers)
        asio::post(entry.executor, [held = entry.transfer] {
            if (const auto transfer = held.lock()) transfer->stop();
        });
}

}  // namespace guildhall::http
