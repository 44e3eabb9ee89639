#pragma once

#include <chrono>

namespace guildhall {

/// Pauses between tries: exponential with full jitter, from `first` up to `most`.
/// Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
class Backoff {
public:
    Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most)
        : first_(first), most_(most), limit_(first) {}
    std::chrono::milliseconds next();
    void reset() { limit_ = first_; }

private:
    std::chrono::milliseconds first_;
    std::chrono::milliseconds most_;
    std::chrono::milliseconds limit_;
};

}  // namespace guildhall
