#include "platform/json/read.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>

#include "platform/base/text.hpp"

namespace guildhall::json {
namespace {

namespace bj = boost::json;

constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxItems = 100'000;

/// Builds a value as boost::json::parser does, and keeps the member names of each open object, to refuse a member that
/// is given twice: which of the two counts depends on the reader (RFC 8259 §4).
class Handler {
public:
    static constexpr std::size_t max_array_size = kMaxItems;
    static constexpr std::size_t max_object_size = kMaxItems;
    static constexpr std::size_t max_key_size = 1 << 16;
    static constexpr std::size_t max_string_size = 1 << 27;

    explicit Handler(bj::storage_ptr memory) { stack.reset(std::move(memory)); }

    bool on_document_begin(bj::error_code&) { return true; }
    bool on_document_end(bj::error_code&) { return true; }
    bool on_object_begin(bj::error_code&) {
        starts_.push_back(keys_.size());
        return true;
    }
    bool on_object_end(std::size_t count, bj::error_code&) {
        stack.push_object(count);
        keys_.resize(starts_.back());
        starts_.pop_back();
        return true;
    }
    bool on_array_begin(bj::error_code&) { return true; }
    bool on_array_end(std::size_t count, bj::error_code&) {
        stack.push_array(count);
        return true;
    }
    bool on_key_part(std::string_view part, std::size_t, bj::error_code&) {
        stack.push_chars(part);
        key_ += part;
        return true;
    }
    bool on_key(std::string_view part, std::size_t, bj::error_code& ec) {
        key_ += part;
        stack.push_key(part);
        // No struct of ours has as many members, so the answer is 400 anyway; a longer linear search would help
        // attackers.
        if (keys_.size() - starts_.back() >= kMaxMembers) {
            ec = bj::error::object_too_large;
            return false;
        }
        const std::uint64_t hash = stable_hash(key_);
        const auto is_same = [&](const Key& known) { return known.hash == hash && known.text == key_; };
        if (std::any_of(keys_.begin() + static_cast<std::ptrdiff_t>(starts_.back()), keys_.end(), is_same)) {
            duplicate = key_;
            ec = bj::error::extra_data;
            return false;
        }
        keys_.push_back({hash, std::move(key_)});
        key_.clear();
        return true;
    }
    bool on_string_part(std::string_view part, std::size_t, bj::error_code&) {
        stack.push_chars(part);
        return true;
    }
    bool on_string(std::string_view part, std::size_t, bj::error_code&) {
        stack.push_string(part);
        return true;
    }
    bool on_number_part(std::string_view, bj::error_code&) { return true; }
    bool on_int64(std::int64_t n, std::string_view, bj::error_code&) {
        stack.push_int64(n);
        return true;
    }
    bool on_uint64(std::uint64_t n, std::string_view, bj::error_code&) {
        stack.push_uint64(n);
        return true;
    }
    bool on_double(double n, std::string_view, bj::error_code&) {
        stack.push_double(n);
        return true;
    }
    bool on_bool(bool b, bj::error_code&) {
        stack.push_bool(b);
        return true;
    }
    bool on_null(bj::error_code&) {
        stack.push_null();
        return true;
    }
    bool on_comment_part(std::string_view, bj::error_code&) { return true; }
    bool on_comment(std::string_view, bj::error_code&) { return true; }

    bj::value_stack stack;
    std::optional<std::string> duplicate;

private:
    static constexpr std::size_t kMaxMembers = 128;

    // The hash is compared first: long names that differ in the last character would take long.
    struct Key {
        std::uint64_t hash;
        std::string text;
    };

    std::vector<Key> keys_;  // of all open objects, the outermost first
    std::vector<std::size_t> starts_;
    std::string key_;
};

std::string plural(std::size_t count, std::string_view what) {
    return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

bool is_email(std::string_view text) {
    // The pattern of <input type=email> in the HTML standard.
    const auto at = text.find('@');
    if (at == 0 || at == std::string_view::npos || at > 64) return false;
    for (char c : text.substr(0, at))
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 &&
            std::string_view(".!#$%&'*+/=?^_`{|}~-").find(c) == std::string_view::npos)
            return false;
    std::string_view domain = text.substr(at + 1);
    if (domain.find('.') == std::string_view::npos) return false;
    while (true) {
        const auto end = std::min(domain.find('.'), domain.size());
        const std::string_view label = domain.substr(0, end);
        if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
        for (char c : label)
            if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-') return false;
        if (end == domain.size()) return true;
        domain.remove_prefix(end + 1);
    }
}

// Line feed, carriage return, tab, U+2028 (line separator) or U+2029 (paragraph separator).
bool has_line_break(std::string_view text) {
    return text.find_first_of("\n\r\t") != std::string_view::npos ||
           text.find("\xE2\x80\xA8") != std::string_view::npos || text.find("\xE2\x80\xA9") != std::string_view::npos;
}

std::string lower_ascii(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

// A code point of NFC has at most four in a text that normalises to it, of at most four bytes each. What exceeds that
// is refused before it is normalised.
constexpr std::size_t kMostPointsOfOne = 4;

bool is_surely_longer(std::string_view text, std::size_t max) {
    const std::size_t points = max * kMostPointsOfOne;
    return text.size() > points && (text.size() / 4 > points || code_points(text) > points);
}

}  // namespace

Result<bj::value> parse(std::string_view text, bj::storage_ptr memory) {
    if (text.empty()) return Error{Code::invalid, "the body is empty", "", {{"", "required", "must be a JSON object"}}};
    bj::parse_options options;
    options.max_depth = kMaxDepth;
    bj::basic_parser<Handler> parser(options, std::move(memory));
    bj::error_code ec;
    const std::size_t read = parser.write_some(false, text.data(), text.size(), ec);
    if (parser.handler().duplicate) {
        const Place root;
        return Error{Code::invalid,
                     "the body is not acceptable JSON",
                     "",
                     {{root.member(*parser.handler().duplicate).pointer(), "repeated", "is given more than once"}}};
    }
    if (!ec && read != text.size()) ec = bj::error::extra_data;
    if (ec) {
        const bool too_deep = ec == bj::error::too_deep;
        return Error{Code::invalid,
                     "the body is not acceptable JSON",
                     "",
                     {{"", too_deep ? "too_deep" : "syntax",
                       too_deep ? "at most " + std::to_string(kMaxDepth) + " levels deep"
                                : ec.message() + " near byte " + std::to_string(read)}}};
    }
    return parser.handler().stack.release();
}

void read(const bj::value& in, bool& out, const Place& at, Faults& faults) {
    if (!in.is_bool()) return faults.add(at, "type", "must be true or false");
    out = in.get_bool();
}

void read(const bj::value& in, std::string& out, const Place& at, Faults& faults) {
    if (!in.is_string()) return faults.add(at, "type", "must be a string");
    out.assign(in.get_string().data(), in.get_string().size());
}

void read(const bj::value& in, Time& out, const Place& at, Faults& faults) {
    const auto* text = in.if_string();
    const auto time = text ? parse_rfc3339({text->data(), text->size()}) : Result<Time>(Error{Code::invalid, ""});
    if (!time) return faults.add(at, "type", "must be an RFC 3339 time");
    out = *time;
}

namespace rules {

void text(std::string_view in, std::string& out, std::size_t min, std::size_t max, bool one_line, const Place& at,
          Faults& faults) {
    if (!is_utf8(in)) return faults.add(at, "encoding", "must be valid UTF-8");
    const std::string_view trimmed = trim(in);
    if (is_surely_longer(trimmed, max)) return faults.add(at, "too_long", "at most " + plural(max, "character"));
    if (has_control_characters(in)) return faults.add(at, "control_character", "must not contain control characters");
    if (one_line && has_line_break(in)) return faults.add(at, "control_character", "must be one line");
    if (!is_stream_safe(trimmed))
        return faults.add(at, "too_many_marks", "at most 30 combining marks may follow each other");
    std::string value = to_nfc(with_line_feeds(trimmed));
    if (is_blank(value)) value.clear();
    const std::size_t length = code_points(value);
    if (length < min) return faults.add(at, "too_short", "at least " + plural(min, "character"));
    if (length > max)
        return faults.add(at, "too_long", "at most " + plural(max, "character") + ", not " + std::to_string(length));
    out = std::move(value);
}

void password(std::string_view in, std::string& out, const Place& at, Faults& faults) {
    constexpr std::size_t kMin = 8;
    constexpr std::size_t kMax = 128;
    if (!is_utf8(in)) return faults.add(at, "encoding", "must be valid UTF-8");
    if (is_surely_longer(in, kMax)) return faults.add(at, "too_long", "at most " + plural(kMax, "character"));
    if (has_control_characters(in)) return faults.add(at, "control_character", "must not contain control characters");
    std::string value = to_nfc(std::string(in));
    const std::size_t length = code_points(value);
    if (length < kMin) return faults.add(at, "too_short", "at least " + plural(kMin, "character"));
    if (length > kMax) return faults.add(at, "too_long", "at most " + plural(kMax, "character"));
    out = std::move(value);
}

void opaque(std::string_view in, std::string& out, std::size_t max, const Place& at, Faults& faults) {
    if (in.empty()) return faults.add(at, "too_short", "must not be empty");
    if (in.size() > max * 4) return faults.add(at, "too_long", "at most " + plural(max, "character"));
    if (!is_utf8(in)) return faults.add(at, "encoding", "must be valid UTF-8");
    if (code_points(in) > max) return faults.add(at, "too_long", "at most " + plural(max, "character"));
    if (has_control_characters(in)) return faults.add(at, "control_character", "must not contain control characters");
    out = in;
}

void email(std::string_view in, std::string& out, const Place& at, Faults& faults) {
    in = trim(in);
    if (in.size() > 254 || !is_email(in))
        return faults.add(at, "format", "must be an e-mail address of at most 254 characters");
    out = lower_ascii(in);
}

void handle(std::string_view in, std::string& out, const Place& at, Faults& faults) {
    const auto wrong = [&] { faults.add(at, "format", "must be 3 to 30 of a-z, 0-9 and single inner hyphens"); };
    if (in.size() < Handle::kMin || in.size() > Handle::kMax || in.front() == '-' || in.back() == '-' ||
        in.find("--") != std::string_view::npos)
        return wrong();
    std::string value = lower_ascii(in);
    for (char c : value)
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return wrong();
    out = std::move(value);
}

void tag(std::string_view in, std::string& out, const Place& at, Faults& faults) {
    if (!is_utf8(in) || in.empty() || in.size() > 1200)
        return faults.add(at, "format", "must be 1 to 100 letters, marks, digits or connectors");
    std::string value = fold_case(in);
    if (word_end(value, 0) != value.size())
        return faults.add(at, "format", "must be letters, marks, digits or connectors");
    const std::size_t length = code_points(value);
    if (length < 1 || length > Tag::kMax) return faults.add(at, "format", "must be 1 to 100 characters");
    out = std::move(value);
}

void id(std::string_view in, std::int64_t& out, const Place& at, Faults& faults) {
    std::int64_t value = 0;
    const auto [end, ec] = std::from_chars(in.data(), in.data() + in.size(), value);
    // Ids reach the limit 68 years after their epoch. It is round so that the pattern in the schema is readable.
    constexpr std::int64_t kEnd = 9'000'000'000'000'000'000;
    if (in.empty() || ec != std::errc{} || end != in.data() + in.size() || value <= 0 || value >= kEnd ||
        in.front() == '0')
        return faults.add(at, "type", "must be an id: a decimal string");
    out = value;
}

void integer(std::string_view in, std::int64_t& out, std::int64_t min, std::int64_t max, const Place& at,
             Faults& faults) {
    std::int64_t value = 0;
    const auto [end, ec] = std::from_chars(in.data(), in.data() + in.size(), value);
    if (in.empty() || ec != std::errc{} || end != in.data() + in.size())
        return faults.add(at, "type", "must be a whole number");
    if (value < min || value > max)
        return faults.add(at, "out_of_range", "must be from " + std::to_string(min) + " to " + std::to_string(max));
    out = value;
}

}  // namespace rules
}  // namespace guildhall::json
