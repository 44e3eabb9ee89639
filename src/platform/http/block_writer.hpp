#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <thread>

namespace guildhall::http {

/// Writes blocks of whole lines to a file descriptor, on a thread of its own: a reader that stalls costs lines (counted in
/// guildhall_access_log_dropped_total), never the time of those who log. Thread-safe.
class BlockWriter {
public:
    /// `file` stays open and is not owned. Of what is not yet written at most `most_bytes` are kept.
    BlockWriter(int file, std::size_t most_bytes);
    /// Waits a second until all is written; what a stalled reader has not taken then is lost.
    ~BlockWriter();
    BlockWriter(const BlockWriter&) = delete;
    BlockWriter& operator=(const BlockWriter&) = delete;

    /// Takes a block, or drops it when there is no room. Never waits for the reader.
    void put(std::string block);

private:
    struct State;
    static void run(const std::shared_ptr<State>& state);
    const std::shared_ptr<State> state_;  // with the thread, which may be stuck in a write for ever
    std::thread thread_;
};

}  // namespace guildhall::http
