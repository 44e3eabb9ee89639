// Question: what does each kind of thing that processes keep in memory save per read, and what does a change of it
// cost, with two processes over PostgreSQL and Redis? So how many reads for each change does it take until keeping it
// pays?
//   coherence_bench      needs GUILDHALL_TEST_POSTGRES and GUILDHALL_TEST_REDIS (tests/engines/up-*)
// Five rounds of the three in turn: reads from memory, the same reads from SQL (the cache of this kind has no room),
// changes that the other process has dropped. CPU of this program, which is both processes; that of PostgreSQL, which a
// read from memory saves too, and that of Redis are not counted. Before the clock starts, both reads must agree.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/resource.h>

#include "platform/realtime/redis.hpp"
#include "platform/redis/client.hpp"
#include "services/connection/cached_members.hpp"
#include "services/connection/cached_network.hpp"
#include "services/connection/member_store.hpp"
#include "services/connection/public/cache_kinds.hpp"
#include "services/post/cache_kinds.hpp"
#include "services/post/count_store.hpp"
#include "services/post/post_reader.hpp"
#include "services/post/reaction_store.hpp"
#include "services/post/timelines.hpp"
#include "services/user/public/cache_kinds.hpp"
#include "support/coherent_process.hpp"
#include "support/connection_world.hpp"
#include "support/post_world.hpp"
#include "support/redis.hpp"
#include "support/user_world.hpp"

namespace guildhall {
namespace {

using test::CoherentProcess;

constexpr int kRounds = 5;
constexpr std::size_t kReads = 2'000;
constexpr std::size_t kChanges = 1'000;
constexpr std::size_t kMembers = 200;
constexpr std::size_t kPostsOfOne = 20;

/// A number that says what was read of the thing at a place.
using Read = std::function<Task<std::int64_t>(std::size_t)>;

double cpu_us() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto microseconds = [](const timeval& time) {
        return 1e6 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec);
    };
    return microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

/// What one of many took.
struct Cost {
    std::vector<double> cpu_us;
    std::vector<double> wall_us;
};

/// Two processes over one Redis.
struct Processes {
    Processes() { b_channel = open(); }
    std::unique_ptr<realtime::Channel> open() {
        clients.push_back(test::open_redis(std::getenv("GUILDHALL_TEST_REDIS")));
        return realtime::make_redis_channel(*clients.back(), prefix);
    }
    const std::string prefix = test::own_prefix();
    std::vector<std::unique_ptr<redis::Client>> clients;
    std::unique_ptr<realtime::Channel> a_channel = open();
    std::unique_ptr<realtime::Channel> b_channel;
    CoherentProcess a{*a_channel, {}};
    CoherentProcess b{*b_channel, {}};
};

class Bench {
public:
    Bench(Processes& processes, test::TestLoop& loop) : processes_(processes), loop_(loop) {}

    /// Measures one kind; `cached` reads from memory, `read` from SQL, at places below `count`.
    void measure(std::string_view kind, const std::vector<std::int64_t>& ids, const Read& cached, const Read& read) {
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const std::int64_t truth = loop_.run(read(i));
            for (int time = 0; time < 2; ++time) {
                if (loop_.run(cached(i)) != truth) throw std::runtime_error("wrong answer: " + std::string(kind));
            }
        }
        Cost from_memory;
        Cost from_sql;
        Cost of_change;
        const Read change = [&](std::size_t i) -> Task<std::int64_t> {
            cache::Changes changes{{kind, {ids[i]}}};
            co_await processes_.a.coherence().changed(std::move(changes));
            co_return 0;
        };
        for (int round = 0; round < kRounds; ++round) {
            time(cached, ids.size(), ids.size(), nullptr);  // warm again
            time(cached, kReads, ids.size(), &from_memory);
            time(read, kReads, ids.size(), &from_sql);
            time(change, kChanges, ids.size(), &of_change);
        }
        const double saved = median(from_sql.cpu_us) - median(from_memory.cpu_us);
        std::printf("| %-17.*s | %6.2f | %6.1f | %6.0f | %6.1f | %6.0f | %5.1f |\n", static_cast<int>(kind.size()),
                    kind.data(), median(from_memory.cpu_us), median(from_sql.cpu_us), median(from_sql.wall_us),
                    median(of_change.cpu_us), median(of_change.wall_us), median(of_change.cpu_us) / saved);
    }

private:
    static Task<void> repeat(const Read& read, std::size_t times, std::size_t places) {
        for (std::size_t i = 0; i < times; ++i) co_await read(i % places);
    }
    void time(const Read& read, std::size_t times, std::size_t places, Cost* cost) {
        const auto start = std::chrono::steady_clock::now();
        const double before = cpu_us();
        loop_.run(repeat(read, times, places));
        if (cost == nullptr) return;
        const std::chrono::duration<double, std::micro> wall = std::chrono::steady_clock::now() - start;
        cost->cpu_us.push_back((cpu_us() - before) / static_cast<double>(times));
        cost->wall_us.push_back(wall.count() / static_cast<double>(times));
    }

    Processes& processes_;
    test::TestLoop& loop_;
};

template <class Id>
std::vector<std::int64_t> numbers_of(const std::vector<Id>& ids) {
    std::vector<std::int64_t> numbers;
    for (const Id id : ids) numbers.push_back(id.value);
    return numbers;
}

/// Starts both processes, when all that they keep has registered.
void join(std::string_view service, Processes& processes) {
    if (!CoherentProcess::join(service, processes.a, processes.b))
        throw std::runtime_error("the processes do not hear each other");
}

void measure_users() {
    Processes processes;
    user::test::World a("postgres", {}, &processes.a.coherence());
    const user::test::World b(a, processes.b.coherence());
    user::MemberDirectory& warm = a.members;
    user::MemberDirectory cold(a.base, {.cards = 0, .profiles = 0, .hidden = 0, .handles = 0});
    join("user", processes);
    std::vector<UserId> ids;
    std::vector<std::string> handles;
    std::vector<std::int64_t> handle_ids;
    for (std::size_t i = 0; i < kMembers; ++i) {
        handles.push_back("member-of-bench-" + std::to_string(i));
        ids.push_back(a.sign_up("m" + std::to_string(i) + "@bench.example", "Jane Doe", handles.back()).user_id);
        handle_ids.push_back(user::handle_id(handles.back()));
        if (i > 0) a.run(a.users().block(a.caller(ids[i]), ids[i - 1])).value();
    }
    Bench bench(processes, a.loop);
    const auto card = [&](user::MemberDirectory& members) -> Read {
        return [&](std::size_t i) -> Task<std::int64_t> {
            std::vector<UserId> asked{ids[i]};
            const auto found = co_await members.cards(std::move(asked));
            co_return found.front()->id.value;
        };
    };
    const auto hidden = [&](user::MemberDirectory& members) -> Read {
        return [&](std::size_t i) -> Task<std::int64_t> {
            const auto found = co_await members.hidden_from(ids[i]);
            co_return static_cast<std::int64_t>(found->size());
        };
    };
    const auto owner = [&](user::MemberDirectory& members) -> Read {
        return [&](std::size_t i) -> Task<std::int64_t> {
            const auto found = co_await members.owner_of(handles[i]);
            co_return found->user_id.value;
        };
    };
    bench.measure(user::kCardKind, numbers_of(ids), card(warm), card(cold));
    bench.measure(user::kHiddenKind, numbers_of(ids), hidden(warm), hidden(cold));
    bench.measure(user::kHandleKind, handle_ids, owner(warm), owner(cold));
}

void measure_connections() {
    Processes processes;
    connection::test::World a("postgres", &processes.a.coherence());
    const connection::test::World b(a, processes.b.coherence());
    connection::ConnectionStore connections(a.database);
    connection::MemberStore members(a.database);
    cache::Coherence& coherence = processes.a.coherence();
    connection::CachedNetwork warm_network(connections, coherence, 16 << 20);
    connection::CachedNetwork cold_network(connections, coherence, 0);
    connection::CachedMembers warm_members(members, coherence, 100'000);
    connection::CachedMembers cold_members(members, coherence, 0);
    join("connection", processes);
    const std::vector<UserId> ids = a.members(kMembers);
    // Each with the next five, so with ten.
    for (std::size_t i = 0; i < ids.size(); ++i) {
        for (std::size_t step = 1; step <= 5; ++step) a.connect(ids[i], ids[(i + step) % ids.size()]);
    }
    Bench bench(processes, a.loop);
    const auto circle = [&](connection::CachedNetwork& network) -> Read {
        return [&](std::size_t i) -> Task<std::int64_t> {
            const connection::Circle found = co_await network.circle_of(ids[i]);
            co_return static_cast<std::int64_t>(found.connections->size());
        };
    };
    const auto member = [&](connection::CachedMembers& known) -> Read {
        return [&](std::size_t i) -> Task<std::int64_t> {
            const connection::Member found = co_await known.member(ids[i]);
            co_return found.id.value;
        };
    };
    bench.measure(connection::kListKind, numbers_of(ids), circle(warm_network), circle(cold_network));
    bench.measure(connection::kMemberKind, numbers_of(ids), member(warm_members), member(cold_members));
}

void measure_posts() {
    Processes processes;
    post::test::World a("postgres", {}, &processes.a.coherence());
    const post::test::World b(a, processes.b.coherence());
    post::PostStore store(a.database);
    post::CountStore counts(a.database);
    post::ReactionStore reaction_rows(a.database);
    cache::Coherence& coherence = processes.a.coherence();
    const post::PostReader::Parts parts{store, counts, reaction_rows, a.directory, a.network, a.network, coherence};
    constexpr std::size_t kRoom = 64 << 20;
    post::PostReader warm(parts, {.post_bytes = kRoom, .reaction_bytes = kRoom});
    post::PostReader without_posts(parts, {.post_bytes = 0, .reaction_bytes = kRoom});
    post::PostReader without_reactions(parts, {.post_bytes = kRoom, .reaction_bytes = 0});
    post::Timelines warm_timelines(store, coherence.live(), kRoom);
    post::Timelines cold_timelines(store, coherence.live(), 0);
    join("post", processes);
    std::vector<UserId> authors;
    std::vector<post::PostId> posts;
    for (std::size_t i = 0; i < kMembers; ++i) authors.push_back(UserId{static_cast<std::int64_t>(i) + 1});
    for (const UserId author : authors) {
        for (std::size_t n = 0; n < kPostsOfOne; ++n) posts.push_back(a.publish(author, std::string(256, 'x')));
        a.react(author, posts.back()).value();
    }
    Bench bench(processes, a.loop);
    const auto record = [&](post::PostReader& reader) -> Read {
        return [&](std::size_t i) -> Task<std::int64_t> {
            const auto found = co_await reader.find_any(posts[i]);
            co_return found->key.id.value;
        };
    };
    const auto reactions = [&](post::PostReader& reader) -> Read {
        return [&](std::size_t i) -> Task<std::int64_t> {
            const auto viewer = co_await reader.viewer(authors[i]);
            auto found = co_await reader.find(viewer, posts[i * kPostsOfOne + kPostsOfOne - 1]);
            co_return found.value().my_reaction ? 1 : 0;
        };
    };
    const auto timeline = [&](post::Timelines& timelines) -> Read {
        return [&](std::size_t i) -> Task<std::int64_t> {
            std::vector<UserId> asked{authors[i]};
            const auto found = co_await timelines.of(std::move(asked));
            co_return static_cast<std::int64_t>(found.front()->entries.size());
        };
    };
    bench.measure(post::kRecordKind, numbers_of(posts), record(warm), record(without_posts));
    bench.measure(post::kReactionsKind, numbers_of(authors), reactions(warm), reactions(without_reactions));
    bench.measure(post::kTimelineKind, numbers_of(authors), timeline(warm_timelines), timeline(cold_timelines));
}

}  // namespace
}  // namespace guildhall

int main() {
    if (std::getenv("GUILDHALL_TEST_POSTGRES") == nullptr || std::getenv("GUILDHALL_TEST_REDIS") == nullptr) {
        std::fputs("coherence_bench: needs GUILDHALL_TEST_POSTGRES and GUILDHALL_TEST_REDIS\n", stderr);
        return 2;
    }
    std::puts("| kind | memory, µs CPU | SQL, µs CPU | SQL, µs | change, µs CPU | change, µs | reads that pay |");
    std::puts("|---|---|---|---|---|---|---|");
    guildhall::measure_users();
    guildhall::measure_connections();
    guildhall::measure_posts();
}
