#include "platform/redis/client.hpp"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/execution/context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>
#include <pthread.h>

#include "platform/base/metrics.hpp"
#include "platform/base/result.hpp"
#include "platform/redis/lane.hpp"

namespace guildhall::redis {
namespace {

namespace asio = boost::asio;

constexpr const char* kUpMetric = "guildhall_redis_up";
constexpr const char* kUpHelp = "1 while all Redis servers that are needed are connected.";

}  // namespace

struct Client::State {
    explicit State(Settings given) : settings(std::make_shared<const Settings>(std::move(given))) {}

    // The lane of the caller's thread, or the first one.
    Lane& lane_of(const asio::any_io_executor& executor) const {
        const auto& context = asio::query(executor, asio::execution::context);
        const auto is_there = [&](const auto& lane) {
            return static_cast<const asio::execution_context*>(&lane->io()) == &context;
        };
        const auto found = std::ranges::find_if(lanes, is_there);
        return found == lanes.end() ? *lanes.front() : **found;
    }
    Task<std::vector<Outcome>> outcomes_of(std::vector<Command> commands);

    const std::shared_ptr<const Settings> settings;
    metrics::Histogram& duration =
        metrics::histogram("guildhall_redis_seconds", "Round trips to Redis, including the wait for a connection.");
    std::optional<asio::io_context> own_io;
    std::thread own_thread;
    std::vector<std::shared_ptr<Lane>> lanes;
};

Client::Client(Settings settings, std::vector<asio::io_context*> contexts)
    : state_(std::make_unique<State>(std::move(settings))) {
    if (contexts.empty()) contexts.push_back(&state_->own_io.emplace(1));
    for (asio::io_context* io : contexts) {
        state_->lanes.push_back(std::make_shared<Lane>(*io, state_->settings));
        asio::post(*io, [lane = state_->lanes.back()] { lane->start(); });
    }
    metrics::gauge_callback(kUpMetric, kUpHelp, {}, [this] { return is_up() ? 1.0 : 0.0; });
    if (!state_->own_io) return;
    state_->own_thread = std::thread([io = &*state_->own_io] {
        pthread_setname_np(pthread_self(), "redis");
        const auto work = asio::make_work_guard(*io);
        io->run();
    });
}

Client::~Client() {
    metrics::gauge_callback(kUpMetric, kUpHelp, {}, [] { return 0.0; });
    for (const auto& lane : state_->lanes) {
        // A stopped context runs nothing any more, so its lane need not be stopped.
        if (!lane->io().stopped()) asio::post(lane->io(), [lane] { lane->stop(); });
    }
    if (!state_->own_io) return;
    // After what stop() has posted to the threads of waiting callers. A name look-up that runs is not waited for.
    asio::post(*state_->own_io, [this] { state_->own_io->stop(); });
    state_->own_thread.join();
}

Task<std::vector<Outcome>> Client::State::outcomes_of(std::vector<Command> commands) {
    std::vector<Outcome> outcomes(commands.size());
    if (commands.empty()) co_return outcomes;
    metrics::Histogram& seconds = duration;  // the client may be destroyed during the wait
    const auto start = std::chrono::steady_clock::now();
    const auto deadline = start + settings->command_deadline;
    Lane& lane = lane_of(co_await asio::this_coro::executor);
    auto begin = [&](Waiter::Handler handler) {
        const auto waiter = std::make_shared<Waiter>(std::move(handler), outcomes.data(), outcomes.size());
        std::vector<RequestPointer> requests;
        requests.reserve(commands.size());
        for (std::size_t i = 0; i < commands.size(); ++i) {
            requests.push_back(std::make_unique<Request>(Request{std::move(commands[i]), deadline, waiter, i}));
        }
        lane.submit(std::move(requests));
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(begin, asio::use_awaitable);
    seconds.observe(std::chrono::steady_clock::now() - start);
    co_return outcomes;
}

Task<std::vector<Reply>> Client::run_all(std::vector<Command> commands) {
    auto outcomes = co_await state_->outcomes_of(std::move(commands));
    std::vector<Reply> replies;
    replies.reserve(outcomes.size());
    for (Outcome& outcome : outcomes) {
        if (outcome.failure) throw Unavailable(*outcome.failure);
        replies.push_back(std::move(outcome.reply));
    }
    co_return replies;
}

Task<Reply> Client::run(Command command) {
    std::vector<Command> commands;
    commands.push_back(std::move(command));
    auto replies = co_await run_all(std::move(commands));
    co_return std::move(replies.front());
}

Task<Reply> Client::run(const Script& script, std::string key, std::vector<std::string> arguments) {
    const auto call = [&](std::string_view name, std::string_view body) {
        Command command(name);
        command.argument(body).argument(1).key(key);
        for (const std::string& argument : arguments) command.argument(argument);
        return command;
    };
    auto known = call("EVALSHA", script.hash());
    Reply reply = co_await run(std::move(known));
    if (!reply.is_error("NOSCRIPT")) co_return reply;
    auto unknown = call("EVAL", script.text());
    co_return co_await run(std::move(unknown));
}

void Client::send(Command command) {
    const auto here = [](const auto& lane) { return lane->io().get_executor().running_in_this_thread(); };
    const auto found = std::ranges::find_if(state_->lanes, here);
    const auto& lane = found == state_->lanes.end() ? state_->lanes.front() : *found;
    lane->submit_unawaited(std::make_unique<Request>(
        Request{std::move(command), std::chrono::steady_clock::now() + state_->settings->command_deadline, nullptr}));
}

bool Client::is_up() const {
    return std::ranges::all_of(state_->lanes, [](const auto& lane) { return lane->is_up(); });
}

const Settings& Client::settings() const { return *state_->settings; }

asio::io_context& Client::io() { return state_->lanes.front()->io(); }

}  // namespace guildhall::redis
