#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "platform/base/result.hpp"

namespace guildhall {

/// UTC, microseconds since 1970 (what SQL stores as bigint).
using Time = std::chrono::sys_time<std::chrono::microseconds>;

/// Whole seconds since 1970, as JWT has times (RFC 7519 §2, NumericDate).
inline std::int64_t seconds_of(Time time) {
    return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

/// The source of time; tests use a manual one. Thread-safe.
class Clock {
public:
    virtual ~Clock() = default;
    virtual Time now() const = 0;
};

/// The machine's clock.
class SystemClock final : public Clock {
public:
    Time now() const override {
        return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    }
};

/// As SQL stores it.
inline std::int64_t to_micros(Time time) { return time.time_since_epoch().count(); }
/// From what SQL stores.
inline Time from_micros(std::int64_t micros) { return Time(std::chrono::microseconds(micros)); }

/// RFC 3339 in UTC with milliseconds: "2026-11-22T16:21:00.123Z".
std::string to_rfc3339(Time time);

/// Appends the same to `out`.
void append_rfc3339(std::string& out, Time time);

/// Reads an RFC 3339 time with any offset. Errors: invalid.
Result<Time> parse_rfc3339(std::string_view text);

}  // namespace guildhall
