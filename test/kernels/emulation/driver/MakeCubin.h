//===- MakeCubin.h - A cubin without a compiler ---------------------------===//
// Writes the sections that the emulated driver reads, as NVRTC 13 does, so that
// the driver is tested on machines without NVRTC.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <cstring>
#include <elf.h>
#include <string>
#include <vector>

namespace mm1::test {

struct CubinKernelText {
  std::string name;
  std::vector<uint32_t> parameterBytes;
  uint32_t threads = 128;
  uint32_t staticShared = 0;
  uint32_t registers = 24;
};

inline std::vector<std::byte>
makeCubin(int arch, const std::vector<CubinKernelText> &kernels) {
  struct Section {
    std::string name;
    uint32_t type;
    uint32_t link = 0;
    std::string bytes = {};
    uint64_t noBits = 0;
  };
  auto append = [](std::string &to, auto value) {
    to.append(reinterpret_cast<const char *>(&value), sizeof value);
  };
  constexpr uint32_t kInfo = 0x70000000;
  std::vector<Section> sections = {{"", SHT_NULL},
                                   {".shstrtab", SHT_STRTAB},
                                   {".strtab", SHT_STRTAB},
                                   {".symtab", SHT_SYMTAB, 2},
                                   {".nv.info", kInfo, 3}};
  std::string strings(1, '\0'), registers;
  std::string symbols(sizeof(Elf64_Sym), '\0');
  uint32_t symbol = 0;
  for (const CubinKernelText &kernel : kernels) {
    Elf64_Sym entry = {};
    entry.st_name = uint32_t(strings.size());
    entry.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    entry.st_other = 0x10;
    append(symbols, entry);
    strings += kernel.name + '\0';
    append(registers, uint32_t(0x00082f04)); // 8 bytes follow: symbol, count
    append(registers, ++symbol);
    append(registers, kernel.registers);

    std::string info;
    uint32_t offset = 0;
    for (uint16_t i = 0; i < kernel.parameterBytes.size(); ++i) {
      uint32_t bytes = kernel.parameterBytes[i];
      offset = (offset + bytes - 1) / bytes * bytes;
      append(info, uint32_t(0x000c1704));
      append(info, uint32_t(0));
      append(info, i);
      append(info, uint16_t(offset));
      append(info, bytes << 18 | 0x1f000);
      offset += bytes;
    }
    append(info, uint16_t(0x1903));
    append(info, uint16_t(offset));
    append(info, uint32_t(0x000c0504));
    append(info, kernel.threads);
    append(info, uint32_t(1));
    append(info, uint32_t(1));
    sections.push_back({".nv.info." + kernel.name, kInfo, 3, info});
    if (kernel.staticShared > 0)
      sections.push_back({".nv.shared." + kernel.name, SHT_NOBITS, 0, "",
                          kernel.staticShared + (arch >= 90 ? 1024u : 0u)});
  }
  sections[2].bytes = strings;
  sections[3].bytes = symbols;
  sections[4].bytes = registers;

  std::vector<Elf64_Shdr> headers;
  for (const Section &section : sections) {
    Elf64_Shdr header = {};
    header.sh_name = uint32_t(sections[1].bytes.size());
    sections[1].bytes += section.name + '\0';
    header.sh_type = section.type;
    header.sh_link = section.link;
    headers.push_back(header);
  }
  std::string file(sizeof(Elf64_Ehdr), '\0');
  for (size_t i = 0; i < sections.size(); ++i) {
    headers[i].sh_offset = file.size();
    headers[i].sh_size = sections[i].type == SHT_NOBITS
                             ? sections[i].noBits
                             : sections[i].bytes.size();
    file += sections[i].bytes;
  }
  file.resize((file.size() + 7) / 8 * 8);
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_ABIVERSION] = 8;
  header.e_type = ET_EXEC;
  header.e_machine = 190;
  header.e_flags = 0x6000004u | uint32_t(arch) << 8;
  header.e_shoff = file.size();
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = uint16_t(sections.size());
  header.e_shstrndx = 1;
  std::memcpy(file.data(), &header, sizeof header);
  for (const Elf64_Shdr &section : headers)
    append(file, section);
  auto *bytes = reinterpret_cast<const std::byte *>(file.data());
  return {bytes, bytes + file.size()};
}

} // namespace mm1::test
