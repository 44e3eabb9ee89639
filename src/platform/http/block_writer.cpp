#include "platform/http/block_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>

#include <pthread.h>
#include <unistd.h>

#include "platform/base/metrics.hpp"

namespace guildhall::http {
namespace {

constexpr std::chrono::seconds kMaxWaitAtEnd{1};

bool write_all(int file, std::string_view rest) {
    while (!rest.empty()) {
        const ssize_t written = ::write(file, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace

struct BlockWriter::State {
    const int file;
    const std::size_t max_bytes;
    metrics::Counter& dropped;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::string> waiting;
    std::size_t bytes = 0;  // waiting or being written
    bool is_stopping = false;
    bool has_ended = false;

    void drop(const std::string& block) { dropped.add(static_cast<double>(std::ranges::count(block, '\n'))); }
};

BlockWriter::BlockWriter(int file, std::size_t max_bytes)
    : state_(new State{file,
                       max_bytes,
                       metrics::counter("guildhall_access_log_dropped_total",
                                        "Lines of the access log that were lost because its reader was too slow"),
                       {},
                       {},
                       {}}),
      thread_(run, state_) {}

BlockWriter::~BlockWriter() {
    {
        std::unique_lock lock(state_->mutex);
        state_->is_stopping = true;
        state_->changed.notify_all();
        if (!state_->changed.wait_for(lock, kMaxWaitAtEnd, [this] { return state_->has_ended; })) {
            state_->waiting.clear();
            thread_.detach();  // it is stuck in a write, which only the reader can end
            return;
        }
    }
    thread_.join();
}

void BlockWriter::put(std::string block) {
    const std::lock_guard lock(state_->mutex);
    if (state_->bytes + block.size() > state_->max_bytes) return state_->drop(block);
    state_->bytes += block.size();
    state_->waiting.push_back(std::move(block));
    state_->changed.notify_all();
}

void BlockWriter::run(const std::shared_ptr<State>& state) {
    pthread_setname_np(pthread_self(), "access-log");
    std::unique_lock lock(state->mutex);
    for (;;) {
        state->changed.wait(lock, [&] { return state->is_stopping || !state->waiting.empty(); });
        if (state->waiting.empty()) break;
        const std::string block = std::move(state->waiting.front());
        state->waiting.pop_front();
        lock.unlock();
        const bool is_written = write_all(state->file, block);
        lock.lock();
        state->bytes -= block.size();
        if (!is_written && !state->is_stopping) state->drop(block);
    }
    state->has_ended = true;
    state->changed.notify_all();
}

}  // namespace guildhall::http
