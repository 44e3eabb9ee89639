// Question: what do the questions of the social graph in memory cost, on an edge list and on a network of a million
// members with fifty million connections, distributed as in real networks? CPU of one thread, without HTTP. Before the
// clock starts, the answers are compared with a plain count.
//   graph_bench edges FILE                       FILE: of tests/tools/generate_network.py
//   graph_bench synthetic FOLDER [members] [connections]    FOLDER: for the snapshot
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <malloc.h>
#include <time.h>
#include <unistd.h>

#include "services/connection/graph/graph_questions.hpp"
#include "services/connection/graph/graph_snapshot.hpp"

namespace guildhall::connection {
namespace {

constexpr std::size_t kShown = 20;
constexpr std::size_t kAsked = 20;
constexpr std::size_t kPaths = 5;
constexpr std::size_t kRounds = 4000;

using Edges = std::vector<GraphEdge>;

UserId id_of(std::size_t member) { return UserId{static_cast<std::int64_t>(member) + 1}; }

double cpu_us() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

std::size_t resident_bytes() {
    std::ifstream in("/proc/self/statm");
    std::size_t all = 0;
    std::size_t resident = 0;
    in >> all >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void require(bool is_right, const char* what) {
    if (!is_right) throw std::runtime_error(std::string("wrong answer: ") + what);
}

/// Suggestions by a plain count.
void check_suggestions(const CompactGraph& graph, UserId me) {
    const auto mine = graph.peers_of(graph.find(me));
    std::map<UserId, std::uint32_t> scores;
    for (const MemberIndex peer : mine) {
        for (const MemberIndex other : graph.peers_of(peer)) {
            if (!std::ranges::binary_search(mine, other)) scores[graph.id_of(other)] += graph.score_of(peer);
        }
    }
    scores.erase(me);
    std::vector<std::tuple<std::int64_t, std::int64_t, UserId>> all;
    for (const auto& [id, score] : scores)
        all.emplace_back(-std::int64_t{score}, -static_cast<std::int64_t>(graph.degree_of(graph.find(id))), id);
    std::ranges::sort(all);
    const auto found = suggest_in(graph, {.id = me, .hidden = {}}, {}, kShown);
    for (std::size_t i = 0; i < std::min(all.size(), kShown); ++i)
        require(found.at(i).id == std::get<2>(all[i]) && found[i].score == -std::get<0>(all[i]), "suggest");
}

/// Degrees and the number of steps of the best path by a plain search in breadth.
void check_steps(const CompactGraph& graph, UserId me, const std::vector<UserId>& asked) {
    std::vector<int> steps(graph.capacity(), -1);
    std::vector<MemberIndex> last{graph.find(me)};
    steps[last[0]] = 0;
    for (int step = 1; step <= Graph::kMostHops; ++step) {
        std::vector<MemberIndex> found;
        for (const MemberIndex member : last) {
            for (const MemberIndex peer : graph.peers_of(member)) {
                if (steps[peer] >= 0) continue;
                steps[peer] = step;
                found.push_back(peer);
            }
        }
        last = std::move(found);
    }
    const auto degrees = degrees_in(graph, {.id = me, .hidden = {}}, asked);
    for (std::size_t i = 0; i < asked.size(); ++i) {
        const int expected = steps[graph.find(asked[i])];
        require(degrees[i].value_or(-1) == (expected > 3 ? -1 : expected), "degrees");
        if (asked[i] == me) continue;
        const auto paths = paths_in(graph, {.id = me, .hidden = {}}, asked[i], kPaths, Graph::kMostHops);
        require(paths.empty() ? expected < 0 : static_cast<int>(paths[0].members.size()) == expected + 1, "paths");
    }
}

struct Question {
    UserId me;
    std::vector<UserId> others;
};

template <class Ask>
void measure(const char* name, const std::vector<Question>& questions, Ask ask) {
    for (std::size_t i = 0; i < std::min<std::size_t>(200, questions.size()); ++i) ask(questions[i]);
    std::vector<double> times;
    for (const Question& question : questions) {
        const double start = cpu_us();
        ask(question);
        times.push_back(cpu_us() - start);
    }
    double sum = 0;
    for (const double time : times) sum += time;
    std::ranges::sort(times);
    const auto at = [&](double share) {
        return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
    };
    std::printf("| %-46s | %9.1f | %9.1f | %9.1f | %9.1f |\n", name, sum / static_cast<double>(times.size()), at(0.5),
                at(0.99), times.back());
}

void measure_all(const std::string& of, const CompactGraph& graph, const std::vector<Question>& questions) {
    const auto named = [&](const char* name) { return std::string(name) + ", " + of; };
    measure(named("degrees of 20").c_str(), questions,
            [&](const Question& q) { return degrees_in(graph, {.id = q.me, .hidden = {}}, q.others); });
    measure(named("suggest 20").c_str(), questions,
            [&](const Question& q) { return suggest_in(graph, {.id = q.me, .hidden = {}}, {}, kShown); });
    measure(named("shortest path").c_str(), questions, [&](const Question& q) {
        return paths_in(graph, {.id = q.me, .hidden = {}}, q.others[0], 1, Graph::kMostHops);
    });
    measure(named("best 5 paths").c_str(), questions, [&](const Question& q) {
        return paths_in(graph, {.id = q.me, .hidden = {}}, q.others[0], kPaths, Graph::kMostHops);
    });
    measure(named("network size").c_str(), questions,
            [&](const Question& q) { return network_size_in(graph, {.id = q.me, .hidden = {}}); });
}

void head() { std::printf("| question, viewer | mean µs | median | p99 | max |\n|---|---|---|---|---|\n"); }

void run_edges(const std::string& file) {
    std::ifstream in(file);
    Edges edges;
    for (std::size_t a = 0, b = 0; in >> a >> b;) edges.push_back({.low = id_of(a), .high = id_of(b)});
    CompactGraph graph;
    graph.set_edges(edges);
    if (graph.directions() != 2 * 88'234) throw std::runtime_error(file + " is not the graph it should be");
    std::mt19937 random(1);
    const auto any = [&] { return id_of(random() % graph.count()); };
    std::vector<Question> questions;
    for (std::size_t i = 0; i < graph.count(); ++i) {
        Question question{.me = id_of(i), .others = {}};
        while (question.others.size() < kAsked) question.others.push_back(any());
        questions.push_back(std::move(question));
    }
    for (std::size_t i = 0; i < 100; ++i) {
        check_suggestions(graph, questions[random() % questions.size()].me);
        check_steps(graph, any(), questions[i].others);
    }
    head();
    measure_all("each member once", graph, questions);
}

/// Chung and Lu's model: the probability of an edge is proportional to the weights of its members, (rank +
/// shift)^-alpha, so that the numbers of connections follow a power law with the exponent 1 + 1 / alpha. Source:
/// "Connected components in random graphs with given expected degree sequences", Annals of Combinatorics 6 (2002).
CompactGraph make_synthetic(std::size_t members, std::size_t connections) {
    constexpr double kAlpha = 1 / 1.5;
    constexpr double kMostConnections = 30'000;
    // The largest weight's share is what gives it kMostConnections; more shift, less of them.
    double low = 0;
    double high = 1e6;
    std::vector<double> sums(members);
    for (int step = 0; step < 40; ++step) {
        const double shift = (low + high) / 2;
        double sum = 0;
        for (std::size_t i = 0; i < members; ++i) {
            sum += std::pow(static_cast<double>(i + 1) + shift, -kAlpha);
            sums[i] = sum;
        }
        const double largest = std::pow(1 + shift, -kAlpha) / sum * 2 * static_cast<double>(connections);
        (largest > kMostConnections ? low : high) = shift;
    }
    std::vector<std::size_t> ids(members);
    for (std::size_t i = 0; i < members; ++i) ids[i] = i;
    std::mt19937_64 random(1);
    std::ranges::shuffle(ids, random);
    // Where to begin looking in `sums`.
    constexpr std::size_t kSteps = 1 << 16;
    std::vector<std::uint32_t> begins(kSteps + 1);
    for (std::size_t i = 0; i <= kSteps; ++i) {
        const double sum = sums.back() * static_cast<double>(i) / kSteps;
        begins[i] = static_cast<std::uint32_t>(
            std::min<std::ptrdiff_t>(std::ranges::lower_bound(sums, sum) - sums.begin(), std::ssize(sums) - 1));
    }
    const auto draw = [&] {
        const double share = std::uniform_real_distribution<>()(random);
        const auto step = static_cast<std::size_t>(share * kSteps);
        const auto at =
            std::lower_bound(sums.begin() + begins[step], sums.begin() + begins[step + 1], share * sums.back());
        return ids[static_cast<std::size_t>(at - sums.begin())];
    };
    CompactGraph graph;
    std::vector<GraphMember> described;
    for (std::size_t i = 0; i < members; ++i) {
        described.push_back({.id = id_of(i),
                             .place = "place " + std::to_string(random() % 2000),
                             .industry = "industry " + std::to_string(random() % 150)});
    }
    graph.put_members(described);
    Edges edges;
    while (graph.directions() < 2 * connections) {
        edges.clear();
        const std::size_t missing = connections - graph.directions() / 2;
        for (std::size_t i = 0; i < std::min(missing, Graph::kMostChanges); ++i)
            edges.push_back({.low = id_of(draw()), .high = id_of(draw())});
        graph.set_edges(edges);
    }
    return graph;
}

std::vector<Question> questions_for(const CompactGraph& graph, std::mt19937_64& random, bool is_by_connections) {
    const auto any = [&] { return static_cast<MemberIndex>(random() % graph.capacity()); };
    std::vector<Question> out;
    while (out.size() < kRounds) {
        MemberIndex me = any();
        if (is_by_connections) {
            // The end of an edge by chance: members come up as often as they have connections.
            while (random() % 30'000 >= graph.degree_of(me)) me = any();
        }
        Question question{.me = graph.id_of(me), .others = {}};
        while (question.others.size() < kAsked) question.others.push_back(graph.id_of(any()));
        out.push_back(std::move(question));
    }
    return out;
}

void run_synthetic(const std::filesystem::path& folder, std::size_t members, std::size_t connections) {
    const auto file = folder / "graph_bench.snapshot";
    const auto seconds_of = [](auto work) {
        const auto start = std::chrono::steady_clock::now();
        work();
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    const auto report_memory = [](const char* when, std::size_t before, const CompactGraph& graph) {
        const std::size_t bytes = resident_bytes() - before;
        std::printf("resident %s: %.0f MiB, %.2f bytes an edge direction\n", when,
                    static_cast<double>(bytes) / (1 << 20),
                    static_cast<double>(bytes) / static_cast<double>(graph.directions()));
    };
    {
        const std::size_t before = resident_bytes();
        CompactGraph graph;
        const double built = seconds_of([&] { graph = make_synthetic(members, connections); });
        ::malloc_trim(0);
        std::printf("built by set_edges, 1,000 at a time, with drawing them: %.1f s\n", built);
        report_memory("as built by changes", before, graph);
        const double saved = seconds_of([&] {
            SnapshotWriter writer(file);
            for (MemberIndex at = 0; at < graph.capacity(); ++at) {
                writer.add(graph, at);
                if (writer.is_block_full()) writer.write_block();
            }
            writer.add_end(graph);
            writer.finish();
        });
        std::printf("snapshot saved: %.2f s, %.0f MiB\n", saved,
                    static_cast<double>(std::filesystem::file_size(file)) / (1 << 20));
    }
    ::malloc_trim(0);
    const std::size_t before = resident_bytes();
    CompactGraph graph;
    const double cpu = cpu_us();
    const double loaded = seconds_of([&] { graph = read_snapshot(file); });
    std::printf("snapshot loaded: %.2f s (%.2f s of CPU)\n", loaded, (cpu_us() - cpu) / 1e6);
    ::malloc_trim(0);
    report_memory("as loaded", before, graph);
    std::filesystem::remove(file);

    std::vector<std::size_t> degrees;
    MemberIndex hub = 0;
    for (MemberIndex at = 0; at < graph.capacity(); ++at) {
        degrees.push_back(graph.degree_of(at));
        if (graph.degree_of(at) > graph.degree_of(hub)) hub = at;
    }
    std::ranges::sort(degrees);
    std::printf("%zu members, %zu connections; connections of a member: median %zu, p99 %zu, most %zu\n", graph.count(),
                graph.directions() / 2, degrees[degrees.size() / 2], degrees[degrees.size() / 100 * 99],
                degrees.back());

    std::mt19937_64 random(3);
    const auto uniform = questions_for(graph, random, false);
    const auto by_connections = questions_for(graph, random, true);
    for (std::size_t i = 0; i < 5; ++i) {
        check_steps(graph, uniform[i].me, uniform[i].others);
        check_steps(graph, by_connections[i].me, by_connections[i].others);
    }
    head();
    measure_all("any member", graph, uniform);
    measure_all("the end of any edge", graph, by_connections);
    std::vector<Question> of_hub(uniform.begin(), uniform.begin() + 100);
    for (Question& question : of_hub) question.me = graph.id_of(hub);
    measure_all("the best connected", graph, of_hub);
    of_hub.assign(uniform.begin(), uniform.begin() + 100);
    for (Question& question : of_hub) question.me = UserId{-1};
    measure("suggest 20, a newcomer without connections", of_hub,
            [&](const Question& q) { return suggest_in(graph, {.id = q.me, .hidden = {}}, {}, kShown); });
}

}  // namespace
}  // namespace guildhall::connection

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() < 2) {
        std::fprintf(stderr, "graph_bench edges FILE | graph_bench synthetic FOLDER [members] [connections]\n");
        return 2;
    }
    // Figures are seen as they come, also in a file.
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    try {
        const auto number = [&](std::size_t at, std::size_t otherwise) {
            return arguments.size() > at ? std::stoul(arguments[at]) : otherwise;
        };
        if (arguments[0] == "edges") {
            guildhall::connection::run_edges(arguments[1]);
        } else {
            guildhall::connection::run_synthetic(arguments[1], number(2, 1'000'000), number(3, 50'000'000));
        }
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "graph_bench: %s\n", failure.what());
        return 2;
    }
}
