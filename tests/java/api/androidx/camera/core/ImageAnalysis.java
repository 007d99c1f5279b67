package androidx.camera.core;

public class ImageAnalysis {
  public interface Analyzer {
    void analyze(ImageProxy image);
  }
}
