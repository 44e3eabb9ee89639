#include "platform/base/clock.hpp"

#include <array>
#include <cstddef>

namespace guildhall {
namespace {

using std::chrono::days;
using std::chrono::microseconds;

constexpr int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : -1; }

// Reads `count` digits at `at` and moves behind them; -1 when there are fewer.
int read_number(std::string_view text, std::size_t& at, int count) {
    int number = 0;
    for (int i = 0; i < count; ++i, ++at) {
        if (at >= text.size() || digit(text[at]) < 0) return -1;
        number = number * 10 + digit(text[at]);
    }
    return number;
}

bool read_one_of(std::string_view text, std::size_t& at, std::string_view characters) {
    if (at >= text.size() || characters.find(text[at]) == std::string_view::npos) return false;
    ++at;
    return true;
}

std::optional<Time> parse(std::string_view text) {
    std::size_t at = 0;
    const int year = read_number(text, at, 4);
    if (!read_one_of(text, at, "-")) return std::nullopt;
    const int month = read_number(text, at, 2);
    if (!read_one_of(text, at, "-")) return std::nullopt;
    const int day = read_number(text, at, 2);
    if (year < 0 || month < 0 || day < 0 || !read_one_of(text, at, "Tt")) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok()) return std::nullopt;

    const int hour = read_number(text, at, 2);
    if (!read_one_of(text, at, ":")) return std::nullopt;
    const int minute = read_number(text, at, 2);
    if (!read_one_of(text, at, ":")) return std::nullopt;
    const int second = read_number(text, at, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return std::nullopt;

    std::int64_t fraction = 0;
    if (read_one_of(text, at, ".")) {
        const std::size_t start = at;
        for (std::int64_t unit = 100'000; at < text.size() && digit(text[at]) >= 0; ++at, unit /= 10) {
            fraction += digit(text[at]) * unit;  // what is finer than a microsecond is cut off
        }
        if (at == start) return std::nullopt;
    }

    std::chrono::minutes offset{0};
    if (!read_one_of(text, at, "Zz")) {
        const bool is_west = at < text.size() && text[at] == '-';
        if (!read_one_of(text, at, "+-")) return std::nullopt;
        const int hours = read_number(text, at, 2);
        if (!read_one_of(text, at, ":")) return std::nullopt;
        const int minutes = read_number(text, at, 2);
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
        offset = std::chrono::minutes((hours * 60 + minutes) * (is_west ? -1 : 1));
    }
    if (at != text.size()) return std::nullopt;

    const Time time = Time(std::chrono::sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
                      std::chrono::seconds(second) - offset + microseconds(fraction);
    // A leap second exists only at the end of a UTC day; it is the first second of the next one here.
    if (second == 60 && std::chrono::floor<std::chrono::seconds>(time) != std::chrono::floor<days>(time))
        return std::nullopt;
    return time;
}

}  // namespace

void append_rfc3339(std::string& out, Time time) {
    const auto day = std::chrono::floor<days>(time);
    const std::chrono::year_month_day date(day);
    const auto in_day =
        static_cast<unsigned>(std::chrono::duration_cast<std::chrono::milliseconds>(time - day).count());
    char text[] = "0000-00-00T00:00:00.000Z";
    const auto put = [&text](int at, int count, unsigned number) {
        for (int i = at + count - 1; i >= at; --i, number /= 10) text[i] = static_cast<char>('0' + number % 10);
    };
    put(0, 4, static_cast<unsigned>(static_cast<int>(date.year())));
    put(5, 2, static_cast<unsigned>(date.month()));
    put(8, 2, static_cast<unsigned>(date.day()));
    put(11, 2, in_day / 3'600'000);
    put(14, 2, in_day / 60'000 % 60);
    put(17, 2, in_day / 1000 % 60);
    put(20, 3, in_day % 1000);
    out.append(text, sizeof text - 1);
}

std::string to_rfc3339(Time time) {
    std::string out;
    append_rfc3339(out, time);
    return out;
}

Result<Time> parse_rfc3339(std::string_view text) {
    if (const auto time = parse(text)) return *time;
    return Error{Code::invalid, "must be a time as in RFC 3339, like 2026-11-22T16:21:00Z"};
}

}  // namespace guildhall
