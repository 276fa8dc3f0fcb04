import com.sun.source.util.JavacTask;
import java.io.File;
import java.util.List;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** Reads a Java file without what it imports: exits with 1 where its syntax is wrong. */
public class Parse {
    public static void main(String[] arguments) throws Exception {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        DiagnosticCollector<JavaFileObject> found = new DiagnosticCollector<>();
        StandardJavaFileManager files = compiler.getStandardFileManager(found, null, null);
        Iterable<? extends JavaFileObject> sources =
                files.getJavaFileObjectsFromFiles(List.of(new File(arguments[0])));
        ((JavacTask) compiler.getTask(null, files, found, null, null, sources)).parse();
        for (Diagnostic<? extends JavaFileObject> mistake : found.getDiagnostics()) {
            System.err.println(mistake);
        }
        System.exit(found.getDiagnostics().isEmpty() ? 0 : 1);
    }
}
