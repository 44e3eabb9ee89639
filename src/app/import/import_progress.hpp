#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>

namespace guildhall::app {

/// Shows how far a stage of work is: a bar that redraws itself on a terminal, else a line every few seconds; at the end
/// a line with number, time and rate.
class Progress {
public:
    /// `total` > 0. `interval` is between two lines or redraws.
    Progress(std::ostream& out, bool is_terminal, std::string stage, std::size_t total,
             std::chrono::milliseconds interval);
    /// Writes the last line.
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// More is done. Thread-safe, cheap.
    void add(std::size_t done) { done_.fetch_add(done, std::memory_order_relaxed); }

private:
    void draw();

    std::ostream& out_;
    const bool is_terminal_;
    const std::string stage_;
    const std::size_t total_;
    const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::atomic<std::size_t> done_{0};
    std::mutex mutex_;
    std::condition_variable ended_;
    bool is_ended_ = false;
    std::thread drawer_;
};

/// "12,345" of 12345.
std::string grouped(std::size_t number);

}  // namespace guildhall::app
