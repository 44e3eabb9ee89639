#include "app/import/import_plan.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "platform/base/text.hpp"

namespace guildhall::app {
namespace {

using std::chrono::milliseconds;

/// Everything is written in the 2^35 ms (398 days) before this. Fixed, so that the same files give the same network
/// next year.
constexpr Time kEnd{std::chrono::sys_days{std::chrono::January / 1 / 2026}};
constexpr unsigned kWindowBits = 35;
constexpr unsigned kSlotBits = 20;
constexpr Time kStart = kEnd - milliseconds(std::int64_t{1} << kWindowBits);
/// Odd, so that multiplying by it is one-to-one modulo 2^20: no two of a million posts share a millisecond.
constexpr std::uint64_t kSpread = 610'007;
constexpr std::uint64_t kMembersSeconds = 300 * 24 * 3600;
constexpr std::uint64_t kReplyMilliseconds = 48 * 3600 * 1000;
constexpr std::size_t kMaxCommentLength = 280;

constexpr std::array<std::string_view, 40> kFirstNames{
    "Ada",   "Amir",  "Anna", "Bela",  "Carl",  "Chen",  "Clara", "Daria", "David", "Elif",
    "Emil",  "Erik",  "Eva",  "Farid", "Fatma", "Grace", "Hana",  "Hugo",  "Ines",  "Ivan",
    "Jana",  "Jonas", "Kofi", "Lea",   "Liam",  "Luca",  "Maja",  "Marta", "Mei",   "Milan",
    "Nadia", "Noah",  "Olga", "Omar",  "Paula", "Priya", "Rosa",  "Samir", "Tomas", "Yuki"};
constexpr std::array<std::string_view, 40> kLastNames{
    "Abbas",  "Adeyemi", "Andersen", "Bakker", "Bauer",  "Berg",   "Castro",  "Cohen",  "Costa",    "Dubois",
    "Evans",  "Fischer", "Garcia",   "Haddad", "Hansen", "Horvat", "Ito",     "Jansen", "Kaya",     "Khan",
    "Kim",    "Kovac",   "Larsen",   "Lopez",  "Mensah", "Meyer",  "Moreau",  "Nagy",   "Nakamura", "Novak",
    "Okafor", "Patel",   "Petrov",   "Rossi",  "Santos", "Silva",  "Svoboda", "Tanaka", "Weber",    "Yilmaz"};
constexpr auto kHeadlines = std::to_array<std::string_view>({"Software developer",
                                                             "Nurse",
                                                             "Accountant",
                                                             "Civil engineer",
                                                             "Graphic designer",
                                                             "Data scientist",
                                                             "Project manager",
                                                             "Electrician",
                                                             "Lawyer",
                                                             "Teacher",
                                                             "Marketing manager",
                                                             "Architect",
                                                             "Pharmacist",
                                                             "Mechanical engineer",
                                                             "Translator",
                                                             "Economist",
                                                             "Biologist",
                                                             "Head of recruitment",
                                                             "Journalist",
                                                             "Logistics coordinator"});
constexpr std::array<std::string_view, 20> kLocations{
    "Amsterdam", "Athens", "Berlin",    "Bogotá", "Brno",   "Cairo",   "Dublin",    "Helsinki", "Istanbul", "Kraków",
    "Lagos",     "Lisbon", "Ljubljana", "Madrid", "Mumbai", "Nairobi", "Reykjavík", "Seoul",    "Toronto",  "Zürich"};

template <class List>
auto& pick(const List& list, std::uint64_t hash) {
    return list[hash % list.size()];
}

std::uint64_t first_eight_bytes(std::string_view bytes) {
    std::uint64_t number = 0;
    for (const char byte : bytes.substr(0, 8)) number = number << 8 | static_cast<unsigned char>(byte);
    return number;
}

/// "Žofie-Anne" → "zofieanne": what a handle may hold of a name, at most 10 letters.
std::string letters_of(std::string_view name) {
    std::string letters;
    for (const char c : fold(name))
        if (c >= 'a' && c <= 'z' && letters.size() < 10) letters += c;
    return letters.empty() ? "member" : letters;
}

/// The first sentence of a paragraph, at most kMaxCommentLength code points of it.
std::string first_sentence(const std::string& paragraph) {
    const auto stop = paragraph.find(". ");
    const std::string_view sentence =
        std::string_view(paragraph).substr(0, stop == std::string::npos ? paragraph.size() : stop + 1);
    std::size_t end = 0;
    for (std::size_t taken = 0; taken < kMaxCommentLength && end < sentence.size(); ++taken)
        next_code_point(sentence, end);
    return std::string(trim(sentence.substr(0, end)));
}

/// Of the input in a form that has one reading only.
std::string digest_of(const ImportInput& input) {
    std::string all = std::to_string(input.seed) + '\n';
    for (const auto& [a, b] : input.graph.edges)
        all += std::to_string(input.graph.nodes[a]) + ' ' + std::to_string(input.graph.nodes[b]) + '\n';
    std::vector<bool> is_connected(input.graph.nodes.size());
    for (const auto& [a, b] : input.graph.edges) is_connected[a] = is_connected[b] = true;
    for (std::size_t place = 0; place < is_connected.size(); ++place)
        if (!is_connected[place]) all += std::to_string(input.graph.nodes[place]) + '\n';
    for (const auto& paragraph : input.paragraphs) all += paragraph + '\n';
    return hex(sha256(all));
}

}  // namespace

ImportPlan::ImportPlan(ImportInput input)
    : input_(std::move(input)), connected_(input_.graph.nodes.size()), digest_(digest_of(input_)) {
    for (const auto& [a, b] : input_.graph.edges) {
        connected_[a].push_back(b);
        connected_[b].push_back(a);
    }
    for (auto& places : connected_) std::ranges::sort(places);
}

std::uint64_t ImportPlan::hash(std::string_view kind, std::string_view name) const {
    std::string text = std::to_string(input_.seed);
    text.append(":").append(kind).append(":").append(name);
    return first_eight_bytes(sha256(text));
}

PlannedMember ImportPlan::member(std::size_t place) const {
    const std::int64_t node = input_.graph.nodes[place];
    const std::string id = std::to_string(node);
    PlannedMember out;
    out.node = node;
    const std::uint64_t first = hash("first_name", id);
    const std::string first_name(input_.names.empty() ? std::string(pick(kFirstNames, first))
                                                      : pick(input_.names, first));
    out.name = first_name + ' ' + std::string(pick(kLastNames, hash("last_name", id)));
    out.handle = letters_of(first_name) + '-' + id;
    out.email = "member-" + id + "@demo.example";
    const std::uint64_t headline = hash("headline", id);
    out.headline =
        input_.occupations.empty() ? std::string(pick(kHeadlines, headline)) : pick(input_.occupations, headline);
    out.location = pick(kLocations, hash("location", id));
    out.created_at = kStart - std::chrono::seconds(hash("member", id) % kMembersSeconds);
    return out;
}

PlannedConnection ImportPlan::connection(std::size_t index) const {
    const auto [a, b] = input_.graph.edges[index];
    const std::string name = std::to_string(input_.graph.nodes[a]) + ':' + std::to_string(input_.graph.nodes[b]);
    return {a, b, kStart + milliseconds(hash("connection", name) >> (64 - kWindowBits))};
}

PlannedPost ImportPlan::post(std::size_t n) const {
    PlannedPost out;
    out.author = static_cast<std::uint32_t>(hash("author", n) % member_count());
    out.paragraph = n % input_.paragraphs.size();
    const std::uint64_t audience = hash("visibility", n) % 10;
    out.visibility = audience < 7   ? post::Visibility::members
                     : audience < 9 ? post::Visibility::everyone
                                    : post::Visibility::connections;
    const std::uint64_t slot = hash("post", n) >> (64 - (kWindowBits - kSlotBits));
    const std::uint64_t within = n * kSpread % (std::uint64_t{1} << kSlotBits);
    out.created_at = kStart + milliseconds(slot << kSlotBits | within);
    return out;
}

std::vector<PlannedComment> ImportPlan::comments(std::size_t n) const {
    constexpr std::array<std::size_t, 8> kCounts{0, 0, 0, 0, 0, 1, 1, 2};
    const PlannedPost of = post(n);
    std::vector<PlannedComment> out;
    if (connected_[of.author].empty()) return out;
    Time before = of.created_at;
    for (std::size_t k = 0; k < pick(kCounts, hash("comments", n)); ++k) {
        const std::string name = std::to_string(n) + ':' + std::to_string(k);
        const std::uint32_t author = k == 0 ? pick(connected_[of.author], hash("commenter", n)) : of.author;
        before += milliseconds(1 + hash("comment", name) % kReplyMilliseconds);
        out.push_back({n, k, author, first_sentence(pick(input_.paragraphs, hash("comment_text", name))), before});
    }
    return out;
}

std::vector<PlannedReaction> ImportPlan::reactions(std::size_t n) const {
    constexpr std::array<post::ReactionKind, 10> kKinds{post::ReactionKind::like,       post::ReactionKind::like,
                                                        post::ReactionKind::like,       post::ReactionKind::like,
                                                        post::ReactionKind::like,       post::ReactionKind::celebrate,
                                                        post::ReactionKind::support,    post::ReactionKind::love,
                                                        post::ReactionKind::insightful, post::ReactionKind::funny};
    const PlannedPost of = post(n);
    const auto& connections = connected_[of.author];
    std::vector<PlannedReaction> out;
    if (connections.empty()) return out;
    const std::size_t count = std::min<std::size_t>(hash("reactions", n) % 5, connections.size());
    const std::uint64_t first = hash("reactor", n) % connections.size();
    for (std::size_t k = 0; k < count; ++k) {
        const std::string name = std::to_string(n) + ':' + std::to_string(k);
        out.push_back({n, connections[(first + k) % connections.size()], pick(kKinds, hash("kind", name)),
                       of.created_at + milliseconds(1 + hash("reaction", name) % kReplyMilliseconds)});
    }
    return out;
}

}  // namespace guildhall::app
