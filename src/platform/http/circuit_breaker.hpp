#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

namespace guildhall::http {

/// Keeps callers from waiting for a peer that is unavailable. After `failures` in a row it is open: no request passes
/// for `open_for`, then one at a time as a probe; the first probe that succeeds closes it. Thread-safe.
/// Source: M. Nygard, "Release It!", 2007, ch. 5.2.
class CircuitBreaker {
public:
    using SteadyTime = std::chrono::steady_clock::time_point;

    CircuitBreaker(std::size_t failures, std::chrono::milliseconds open_for)
        : max_failures_(failures), open_for_(open_for) {}

    /// Says when a request was let through. What a request from before the last opening or the last probe finds out
    /// about the peer is ignored.
    using Pass = std::uint64_t;

    /// A pass when a request may be sent at `now`; the caller then gives it to exactly one of the three functions
    /// below.
    std::optional<Pass> enter(SteadyTime now);
    /// The peer answered.
    void succeed(Pass pass);
    /// The peer is unavailable, or too slow.
    void fail(Pass pass, SteadyTime now);
    /// The request says nothing about the peer: it was given up for another reason.
    void leave(Pass pass);

    /// True from the last of the failures until a probe succeeds.
    bool is_open() const;

private:
    const std::size_t max_failures_;
    const std::chrono::milliseconds open_for_;
    mutable std::mutex mutex_;
    std::size_t failures_ = 0;  // in a row; open from max_failures_ on
    bool is_probing_ = false;
    Pass newest_ = 1;               // grows with each opening and each probe
    SteadyTime no_probe_before_{};  // while open
};

/// Limits how many requests to a peer are sent again: a tenth of all, and at least ten a second, so that retries never
/// multiply the load on a failing peer. Thread-safe.
/// Source: the retry budget of Finagle, whose minimum is ten a second, too.
class RetryBudget {
public:
    /// Counts a first try.
    void deposit();
    /// Takes one retry at `now`; false when none is left.
    bool withdraw(std::chrono::steady_clock::time_point now);

private:
    std::mutex mutex_;
    double retries_ = 10;
    std::chrono::steady_clock::time_point withdrawn_at_{};
};

}  // namespace guildhall::http
