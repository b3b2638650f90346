import CLI
import Glibc

exit(await AsyaProgram.run(ProgramName.arguments(CommandLine.arguments)))
