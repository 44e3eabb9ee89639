#include "app/import/import_progress.hpp"

#include <algorithm>

namespace guildhall::app {
namespace {

constexpr std::size_t kBarWidth = 30;

}  // namespace

std::string grouped(std::size_t number) {
    std::string text = std::to_string(number);
    for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
        text.insert(static_cast<std::size_t>(at), ",");
    return text;
}

Progress::Progress(std::ostream& out, bool is_terminal, std::string stage, std::size_t total,
                   std::chrono::milliseconds interval)
    : out_(out), is_terminal_(is_terminal), stage_(std::move(stage)), total_(total) {
    drawer_ = std::thread([this, interval] {
        std::unique_lock lock(mutex_);
        while (!ended_.wait_for(lock, interval, [this] { return is_ended_; })) draw();
    });
}

Progress::~Progress() {
    {
        const std::lock_guard lock(mutex_);
        is_ended_ = true;
    }
    ended_.notify_one();
    drawer_.join();
    draw();
    if (is_terminal_) out_ << '\n' << std::flush;
}

void Progress::draw() {
    const std::size_t done = std::min(done_.load(std::memory_order_relaxed), total_);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start_;
    const auto rate = static_cast<std::size_t>(static_cast<double>(done) / std::max(took.count(), 1e-3));
    std::string line = stage_ + std::string(stage_.size() < 12 ? 12 - stage_.size() : 1, ' ');
    if (is_terminal_) {
        const std::size_t filled = done * kBarWidth / total_;
        line = "\r" + line + '[' + std::string(filled, '#') + std::string(kBarWidth - filled, ' ') + "] ";
    }
    line += grouped(done) + " of " + grouped(total_) + "  " + grouped(rate) + "/s  " +
            std::to_string(static_cast<int>(took.count() * 10) / 10) + '.' +
            std::to_string(static_cast<int>(took.count() * 10) % 10) + " s";
    out_ << line << (is_terminal_ ? "\x1b[K" : "\n")
         << std::flush;  // to the line's end: a shorter text would leave a rest
}

}  // namespace guildhall::app
