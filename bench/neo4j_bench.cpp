// Question: what does the social graph in Neo4j cost, compared with the same Cypher sent by hand over one kept
// connection of libcurl, whose answers are not read? At most 1.2 times is required. And how many times less CPU does
// the graph in memory need for the same question? At least 100 (suggestions) and 50 (paths) are required.
//   neo4j_bench EDGES [questions each round]      needs GUILDHALL_TEST_NEO4J (tests/engines/up-neo4j)
// Five rounds of the three in turn. The CPU of the engine (its Java process) counts on both sides.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <curl/curl.h>
#include <sys/resource.h>

#include "platform/neo4j/client.hpp"
#include "services/connection/graph/memory_graph.hpp"
#include "services/connection/graph/neo4j_graph.hpp"

namespace {

using namespace guildhall;
using connection::Graph;
using connection::Neo4jGraph;
using Steady = std::chrono::steady_clock;

constexpr const char* kPrefix = "Bench_";
constexpr int kMembers = 4039;
constexpr std::int64_t kFirstId = 1'000'000'000'000'000;  // as long as ids are
constexpr int kRounds = 5;
constexpr int kTimesInMemory = 20;  // in a round: one time alone is too short to be measured

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + 1e-6 * time.tv_usec; };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// One kept connection, and the answer's bytes.
class ByHand {
public:
    explicit ByHand(const neo4j::Settings& settings) {
        curl_easy_setopt(handle_, CURLOPT_URL, (settings.url + "/db/" + settings.database + "/tx/commit").c_str());
        curl_easy_setopt(handle_, CURLOPT_USERPWD, (settings.user + ":" + settings.password).c_str());
        for (const char* line : {"Content-Type: application/json", "Accept: application/json", "Access-Mode: READ"})
            headers_ = curl_slist_append(headers_, line);
        curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, headers_);
        curl_easy_setopt(handle_, CURLOPT_WRITEDATA, &answer_);
        curl_easy_setopt(
            handle_, CURLOPT_WRITEFUNCTION, +[](char* bytes, std::size_t, std::size_t size, void* to) {
                static_cast<std::string*>(to)->append(bytes, size);
                return size;
            });
    }
    ~ByHand() {
        curl_slist_free_all(headers_);
        curl_easy_cleanup(handle_);
    }
    ByHand(const ByHand&) = delete;
    ByHand& operator=(const ByHand&) = delete;

    const std::string& ask(const neo4j::Query& query, const std::string& parameters) {
        const std::string body =
            "{\"statements\":[{\"statement\":" + query.json() + ",\"parameters\":" + parameters + "}]}";
        curl_easy_setopt(handle_, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
        curl_easy_setopt(handle_, CURLOPT_POSTFIELDS, body.c_str());
        answer_.clear();
        if (curl_easy_perform(handle_) != CURLE_OK || !answer_.contains("\"errors\":[]"))
            throw std::runtime_error("by hand: " + answer_);
        return answer_;
    }

private:
    CURL* handle_ = curl_easy_init();
    curl_slist* headers_ = nullptr;
    std::string answer_;
};

/// Runs coroutines one after the other, on one context as an io thread of the server has it.
class Loop {
public:
    void run(Task<void> task) {
        std::exception_ptr failure;
        boost::asio::co_spawn(io_, std::move(task), [&](const std::exception_ptr& error) { failure = error; });
        io_.restart();
        io_.run();
        if (failure) std::rethrow_exception(failure);
    }

private:
    boost::asio::io_context io_{1};
};

UserId member(int number) { return {kFirstId + number}; }

Task<void> load(Graph& graph, std::string file) {
    std::vector<connection::GraphMember> members;
    for (int i = 0; i < kMembers; ++i) {
        members.push_back({member(i), "place " + std::to_string(i % 50), "industry " + std::to_string(i % 20)});
        if (members.size() == Graph::kMostChanges || i + 1 == kMembers)
            co_await graph.put_members(std::exchange(members, {}));
    }
    std::ifstream lines(file);
    std::vector<connection::GraphEdge> edges;
    for (int low = 0, high = 0; lines >> low >> high;) {
        edges.push_back({member(low), member(high)});
        if (edges.size() == Graph::kMostChanges) co_await graph.set_edges(std::exchange(edges, {}));
    }
    co_await graph.set_edges(std::move(edges));
}

struct Cost {
    double elapsed = 0;  // seconds
    double client = 0;   // seconds of CPU
    double engine = 0;   // the same
    double cpu() const { return client + engine; }
};

class Bench {
public:
    Bench(const char* url, int questions) : settings_(neo4j::parse_url(url)), questions_(questions) {
        std::mt19937 random(7);
        for (int i = 0; i < questions_; ++i) people_.push_back({random() % kMembers, random() % kMembers});
    }

    void prepare(const std::string& file) {
        loop_.run(load(graph_, file));
        loop_.run(load(in_memory_, file));
        in_memory_.set_ready();
        const std::string all = "MATCH (m:" + std::string(kPrefix) + "Member) RETURN sum(m.degree)";
        if (!hand_.ask({"bench.check", all}, "{}").contains("[176468]"))
            throw std::runtime_error("not the graph of 88,234 connections");
    }

    using Ask = std::function<Task<std::size_t>(Graph&, int, int)>;

    /// `ours` asks a graph and gives how many things it found; `parameters` are those of the same question by hand.
    void compare(const char* name, const neo4j::Query& query, const std::function<std::string(int, int)>& parameters,
                 const Ask& ours, const std::string& thing) {
        for (const auto& [a, b] : people_) {
            const std::size_t by_hand = count(hand_.ask(query, parameters(a, b)), thing);
            for (Graph* graph : {static_cast<Graph*>(&graph_), static_cast<Graph*>(&in_memory_)})
                if (const std::size_t found = ask(ours, *graph, a, b); found != by_hand)
                    throw std::runtime_error(std::string(name) + ": " + std::to_string(found) + " and by hand " +
                                             std::to_string(by_hand));
        }
        std::vector<double> cpu_ratios, elapsed_ratios, memory_ratios;
        Cost all_hand, all_ours, all_memory;
        for (int round = 0; round < kRounds; ++round) {
            const Cost hand = measure([&](int a, int b) { hand_.ask(query, parameters(a, b)); });
            const Cost own = measure([&](int a, int b) { ask(ours, graph_, a, b); });
            const double before = cpu_seconds();
            for (int again = 0; again < kTimesInMemory; ++again)
                for (const auto& [a, b] : people_) ask(ours, in_memory_, a, b);
            Cost memory;
            memory.client = (cpu_seconds() - before) / kTimesInMemory;
            memory_ratios.push_back(own.cpu() / memory.cpu());
            add(all_memory, memory);
            cpu_ratios.push_back(own.cpu() / hand.cpu());
            elapsed_ratios.push_back(own.elapsed / hand.elapsed);
            add(all_hand, hand);
            add(all_ours, own);
        }
        std::ranges::sort(cpu_ratios);
        std::ranges::sort(elapsed_ratios);
        std::ranges::sort(memory_ratios);
        std::printf("%-13s CPU %.2f (%.2f-%.2f), elapsed %.2f (%.2f-%.2f) times by hand; ", name,
                    cpu_ratios[kRounds / 2], cpu_ratios.front(), cpu_ratios.back(), elapsed_ratios[kRounds / 2],
                    elapsed_ratios.front(), elapsed_ratios.back());
        std::printf("each: %s; by hand %s\n", words(all_ours).c_str(), words(all_hand).c_str());
        std::printf("%-13s in memory %.0f (%.0f-%.0f) times less CPU: %.1f us\n", name, memory_ratios[kRounds / 2],
                    memory_ratios.front(), memory_ratios.back(), 1e6 * all_memory.client / (kRounds * questions_));
    }

    const connection::Neo4jQueries& queries() const { return queries_; }

private:
    static connection::Neo4jGraphOptions options() {
        connection::Neo4jGraphOptions options;
        options.prefix = kPrefix;
        options.read_deadline = options.write_deadline = std::chrono::seconds(60);
        return options;
    }
    static std::size_t count(const std::string& text, const std::string& thing) {
        std::size_t found = 0;
        for (std::size_t at = text.find(thing); at != std::string::npos; at = text.find(thing, at + 1)) ++found;
        return found;
    }
    std::size_t ask(const Ask& ours, Graph& graph, int a, int b) {
        std::size_t found = 0;
        const auto keep = [&]() -> Task<void> { found = co_await ours(graph, a, b); };
        loop_.run(keep());
        return found;
    }
    double engine_seconds() {
        static const neo4j::Query query("bench.cpu",
                                        "CALL dbms.queryJmx('java.lang:type=OperatingSystem') YIELD attributes "
                                        "RETURN attributes.ProcessCpuTime.value");
        const std::string& answer = hand_.ask(query, "{}");
        return std::strtod(answer.c_str() + answer.find("\"row\":[") + 7, nullptr) * 1e-9;
    }
    Cost measure(const std::function<void(int, int)>& question) {
        const double engine = engine_seconds(), client = cpu_seconds();
        const auto start = Steady::now();
        for (const auto& [a, b] : people_) question(a, b);
        Cost cost;
        cost.elapsed = std::chrono::duration<double>(Steady::now() - start).count();
        cost.client = cpu_seconds() - client;
        cost.engine = engine_seconds() - engine;
        return cost;
    }
    static void add(Cost& sum, const Cost& cost) {
        sum.elapsed += cost.elapsed;
        sum.client += cost.client;
        sum.engine += cost.engine;
    }
    std::string words(const Cost& sum) const {
        const double all = 1e-6 * kRounds * questions_;
        std::array<char, 128> text{};
        std::snprintf(text.data(), text.size(), "%.0f us, CPU of the client %.0f us, of the engine %.0f us",
                      sum.elapsed / all, sum.client / all, sum.engine / all);
        return text.data();
    }

    const neo4j::Settings settings_;
    const int questions_;
    std::vector<std::pair<int, int>> people_;
    ByHand hand_{settings_};
    http::Client http_;
    neo4j::Client client_{http_, settings_};
    Neo4jGraph graph_{client_, options()};
    Pool pool_{"graph", 2, 64};
    connection::MemoryGraph in_memory_{pool_};
    const connection::Neo4jQueries queries_{kPrefix};
    Loop loop_;
};

std::string id_text(int number) { return std::to_string(member(number).value); }

void run(Bench& bench) {
    bench.compare(
        "suggest 20", bench.queries().suggest,
        [](int a, int) {
            return R"({"viewer":)" + id_text(a) +
                   R"(,"hidden":[],"unwanted":[],"limit":20,"shown_shared":3)"
                   R"(,"place_score":2500,"industry_score":2500})";
        },
        [](Graph& graph, int a, int) -> Task<std::size_t> {
            co_return (co_await graph.suggest({member(a), {}}, {}, 20)).size();
        },
        "\"shared_score\"");
    bench.compare(
        "path 1 of 4", bench.queries().paths,
        [](int a, int b) {
            return R"({"viewer":)" + id_text(a) + R"(,"hidden":[],"target":)" + id_text(b) +
                   R"(,"limit":1,"max_hops":4})";
        },
        [](Graph& graph, int a, int b) -> Task<std::size_t> {
            co_return (co_await graph.paths({member(a), {}}, member(b), 1, 4)).size();
        },
        "\"between\"");
    bench.compare(
        "network size", bench.queries().network_size,
        [](int a, int) { return R"({"viewer":)" + id_text(a) + R"(,"hidden":[],"most_connections":500000})"; },
        [](Graph& graph, int a, int) -> Task<std::size_t> {
            co_return (co_await graph.network_size({member(a), {}})).third ? 1 : 0;
        },
        "\"first\"");
}

}  // namespace

int main(int argc, char** argv) {
    const char* url = std::getenv("GUILDHALL_TEST_NEO4J");
    if (argc < 2 || url == nullptr) {
        std::fprintf(stderr, "usage: GUILDHALL_TEST_NEO4J=URL neo4j_bench EDGES [questions each round]\n");
        return 2;
    }
    try {
        Bench bench(url, argc > 2 ? std::atoi(argv[2]) : 200);
        bench.prepare(argv[1]);
        run(bench);
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "neo4j_bench: %s\n", failure.what());
        return 2;
    }
}
