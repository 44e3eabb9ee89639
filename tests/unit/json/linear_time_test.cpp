// What a request costs must not grow faster than its size: these rules run on the threads that serve all clients.

#include <functional>
#include <tuple>

#include <gtest/gtest.h>

#include "platform/base/text.hpp"
#include "platform/json/read.hpp"
#include "platform/json/write.hpp"
#include "support/cpu_growth.hpp"
#include "support/hard_texts.hpp"

namespace guildhall::json {
namespace {

using AnyId = Id<struct Anything>;
using Rule = std::function<void(std::string_view)>;

constexpr std::size_t kNoLimit = 1 << 20;

struct NamedRule {
    const char* name;
    Rule apply;
};

std::vector<NamedRule> rules_of_texts() {
    const auto with = [](auto rule) {
        return [rule](std::string_view in) {
            std::string out;
            Faults faults;
            rule(in, out, Place{}, faults);
        };
    };
    return {
        {"text", with([](auto in, auto& out, const auto& at, auto& faults) {
             rules::text(in, out, 1, kNoLimit, false, at, faults);
         })},
        {"text of the greatest length", with([](auto in, auto& out, const auto& at, auto& faults) {
             rules::text(in, out, 1, 3000, false, at, faults);
         })},
        {"line", with([](auto in, auto& out, const auto& at, auto& faults) {
             rules::text(in, out, 1, kNoLimit, true, at, faults);
         })},
        {"password", with(rules::password)},
        {"opaque",
         with([](auto in, auto& out, const auto& at, auto& faults) { rules::opaque(in, out, kNoLimit, at, faults); })},
        {"email", with(rules::email)},
        {"handle", with(rules::handle)},
        {"tag", with(rules::tag)},
        {"ids",
         [](std::string_view in) {
             IdList<100, AnyId> ids;
             Faults faults;
             read_text(in, ids, Place{}, faults);
         }},
        {"to_nfc", [](std::string_view in) { to_nfc(std::string(in)); }},
        {"fold_case", [](std::string_view in) { fold_case(in); }},
        {"fold", [](std::string_view in) { fold(in); }},
        {"written as JSON", [](std::string_view in) { to_json(std::string(in)); }},
    };
}

// [F: quadratic work on an io thread]
TEST(LinearTime, EveryRuleOfATextCostsAtMostInProportionToItsLength) {
    for (const NamedRule& rule : rules_of_texts()) {
        for (const HardText& text : hard_texts()) {
            const double growth =
                growth_over_three_doublings([&](std::size_t bytes) { return text.of(bytes); }, rule.apply);
            EXPECT_LT(growth, kMostLinearGrowth) << rule.name << " of " << text.name;
        }
    }
}

struct Item {
    std::optional<std::int64_t> limit;
};
BOOST_DESCRIBE_STRUCT(Item, (), (limit))

struct Leaf {
    Text<0, kNoLimit> text;
    std::optional<std::int64_t> number;
    std::optional<AtMost<kNoLimit, AnyId>> ids;
    std::optional<AtMost<kNoLimit, Item>> items;
};
BOOST_DESCRIBE_STRUCT(Leaf, (), (text, number, ids, items))

struct HardBody {
    const char* name;
    std::string (*of)(std::size_t bytes);
};

std::string between(std::string_view before, std::string items, std::string_view after) {
    if (items.ends_with(',')) items.pop_back();
    return std::string(before) + items + std::string(after);
}

const HardBody kHardBodies[] = {
    {"one string", [](std::size_t bytes) { return between(R"({"text":")", repeated("a", bytes), R"("})"); }},
    {"escapes", [](std::size_t bytes) { return between(R"({"text":")", repeated("\\u0301", bytes), R"("})"); }},
    {"one number", [](std::size_t bytes) { return between(R"({"number":)", repeated("9", bytes), "}"); }},
    {"a number with a fraction",
     [](std::size_t bytes) { return between(R"({"number":0.)", repeated("9", bytes), "}"); }},
    {"ids", [](std::size_t bytes) { return between(R"({"text":"","ids":[)", repeated(R"("12",)", bytes), "]}"); }},
    {"faulty ids", [](std::size_t bytes) { return between(R"({"text":"","ids":[)", repeated("1,", bytes), "]}"); }},
    {"objects", [](std::size_t bytes) { return between(R"({"items":[)", repeated(R"({"limit":1},)", bytes), "]}"); }},
    {"unknown members",
     [](std::size_t bytes) { return between(R"({"items":[)", repeated(R"({"a":1,"b":2},)", bytes), "]}"); }},
    {"objects with many members",
     [](std::size_t bytes) {
         std::string members;
         for (int i = 0; i < 120; ++i) members += "\"" + std::to_string(i) + "\":1,";
         members.pop_back();
         return between(R"({"items":[)", repeated("{" + members + "},", bytes), "]}");
     }},
    {"long names of members",
     [](std::size_t bytes) {
         std::string members;
         for (int i = 0; i < 100; ++i) members += "\"" + std::string(bytes / 100, 'x') + std::to_string(i) + "\":1,";
         return between("{", members, "}");
     }},
    {"too many members",
     [](std::size_t bytes) {
         std::string members;
         for (int i = 0; members.size() < bytes; ++i) members += "\"" + std::to_string(i) + "\":1,";
         return between("{", members, "}");
     }},
    {"levels", [](std::size_t bytes) { return repeated("[", bytes); }},
    {"shallow levels", [](std::size_t bytes) { return between("[", repeated("[[[[]]]],", bytes), "]"); }},
    {"white space", [](std::size_t bytes) { return repeated(" ", bytes) + R"({"text":""})"; }},
};

// [F: quadratic work on an io thread]
TEST(LinearTime, EveryBodyCostsAtMostInProportionToItsLength) {
    for (const HardBody& body : kHardBodies) {
        const double growth =
            growth_over_three_doublings(body.of, [](std::string_view in) { std::ignore = from_json<Leaf>(in); });
        EXPECT_LT(growth, kMostLinearGrowth) << body.name;
    }
}

// The test above passes also for an algorithm that is merely slow. [F: quadratic work on an io thread]
TEST(LinearTime, TheWorstTextOfALengthCostsNotMuchMoreThanAPlainOne) {
    const auto seconds_of = [](const std::string& text) {
        double least = std::numeric_limits<double>::max();
        for (int round = 0; round < 20; ++round) {
            std::string out;
            Faults faults;
            const double begin = thread_cpu_seconds();
            rules::text(text, out, 1, 3000, false, {}, faults);
            least = std::min(least, thread_cpu_seconds() - begin);
        }
        return least;
    };
    constexpr std::size_t kMarksInARow = 30;  // no more are allowed
    std::string descending = "a";
    for (std::size_t i = 0; i < kMarksInARow; ++i) descending += i < kMarksInARow / 2 ? "\u0301" : "\u0316";
    const double plain = seconds_of(repeated("漢", 6000));
    EXPECT_LT(seconds_of(repeated(descending, 6000)), 6 * plain);
    EXPECT_LT(seconds_of("a" + repeated("\u0301", 18'000) + repeated("\u0316", 18'000)), 6 * plain);
}

}  // namespace
}  // namespace guildhall::json
