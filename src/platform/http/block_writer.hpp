#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <thread>

namespace guildhall::http {

/// Writes blocks of whole lines to a file descriptor, on a thread of its own. When the reader stalls, lines are lost
/// and counted (guildhall_access_log_dropped_total), but callers never wait. Thread-safe.
class BlockWriter {
public:
    /// `file` is not closed. At most `max_bytes` wait to be written.
    BlockWriter(int file, std::size_t max_bytes);
    /// Waits up to a second for the rest to be written; then what a stalled reader has not taken is lost.
    ~BlockWriter();
    BlockWriter(const BlockWriter&) = delete;
    BlockWriter& operator=(const BlockWriter&) = delete;

    /// Queues a block, or drops it when the queue is full. Never waits for the reader.
    void put(std::string block);

private:
    struct State;
    static void run(const std::shared_ptr<State>& state);
    const std::shared_ptr<State> state_;  // shared with the thread, which may be stuck in a write forever
    std::thread thread_;
};

}  // namespace guildhall::http
